"""The addresses of the report pages."""

from django.urls import path
from django.views.generic import RedirectView

from reports import views

app_name = "reports"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="reports:redemption"), name="index"),
    path("redemption/", views.redemption, name="redemption"),
    path("redemption/chart-<slug:theme>.svg", views.redemption_chart, name="redemption_chart"),
]
