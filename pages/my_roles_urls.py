"""URLs of My roles."""

from django.urls import path

from pages import my_roles

app_name = "standing"

urlpatterns = [
    path("standing/", my_roles.my_roles_page, name="page"),
    path("standing/appeals/", my_roles.appeal_page, name="appeal"),
    path("standing/appeals/<int:appeal_id>/withdraw/", my_roles.withdraw_page, name="withdraw"),
    path("standing/people/", my_roles.name_person, name="name_person"),
    path("standing/people/<int:delegation_id>/end/", my_roles.unname_person, name="unname_person"),
    path("standing/projects/<int:project_id>/", my_roles.disclaim, name="disclaim"),
    path("standing/where/", my_roles.where, name="where"),
]
