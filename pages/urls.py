"""The addresses of the pages everybody may see and of the claimant's own.

They are known by the name of the claims they are about: mails and other rooms link to `claims:claim`.
"""

from django.urls import path

from pages import views

app_name = "claims"

urlpatterns = [
    path("", views.home, name="home"),
    path("claim/", views.start, name="start"),
    path("claims/<str:code>/", views.claim, name="claim"),
    path("claims/<str:code>/cancel/", views.cancel, name="cancel"),
]
