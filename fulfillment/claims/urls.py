"""The claimant's pages."""

from django.urls import path

from fulfillment.claims import views

app_name = "claims"

urlpatterns = [
    path("", views.home, name="home"),
    path("claim/", views.start, name="start"),
    path("claims/<str:code>/", views.claim, name="claim"),
    path("claims/<str:code>/cancel/", views.cancel, name="cancel"),
]
