"""URLs of the public pages, without a namespace because every app links to them."""

from django.urls import path

from reports.public import views

urlpatterns = [
    path("stats/<slug:slug>/", views.statistics, name="statistics"),
    path("stats/<slug:slug>/report.<str:form>", views.statistics_file, name="statistics_file"),
    path(
        "stats/<slug:slug>/chart-<slug:name>-<str:theme>.svg",
        views.statistics_picture,
        name="statistics_picture",
    ),
    path("badge/<slug:slug>.svg", views.badge, name="badge"),
]
