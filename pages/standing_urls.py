"""The addresses of my standing."""

from django.urls import path

from pages import standing

app_name = "standing"

urlpatterns = [
    path("standing/", standing.page, name="page"),
    path("standing/appeals/", standing.appeal, name="appeal"),
    path("standing/appeals/<int:appeal_id>/withdraw/", standing.withdraw, name="withdraw"),
    path("standing/people/", standing.name_person, name="name_person"),
    path("standing/people/<int:delegation_id>/end/", standing.unname_person, name="unname_person"),
    path("standing/projects/<int:project_id>/", standing.disclaim, name="disclaim"),
    path("standing/where/", standing.where, name="where"),
]
