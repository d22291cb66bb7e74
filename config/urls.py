"""Every address of the site, room by room."""

from django.urls import include, path

urlpatterns = [
    path("sign-in/", include("allauth.urls")),
]
