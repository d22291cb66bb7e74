"""The vendor's door where the tests' events expect it, and the site's health beside it."""

from django.urls import include, path

urlpatterns = [path("", include("fulfillment.tracking.urls")), path("", include("config.urls"))]
