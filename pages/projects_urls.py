"""The addresses of the pages about projects."""

from django.urls import path

from pages import projects

app_name = "projects"

urlpatterns = [
    path("", projects.search, name="search"),
    path("<str:name>/", projects.project, name="project"),
]
