"""URLs of the pages about projects."""

from django.urls import path

from pages import projects

app_name = "projects"

urlpatterns = [
    path("", projects.project_search, name="search"),
    path("<str:name>/", projects.public_project_page, name="project"),
]
