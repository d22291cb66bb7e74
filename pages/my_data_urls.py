"""URLs of My data, and of the unsubscribe link in emails."""

from django.urls import path

from pages import my_data

app_name = "my_data"

urlpatterns = [
    path("data/", my_data.my_data_page, name="page"),
    path("data/export/", my_data.export_page, name="export"),
    path("data/erase/", my_data.erase_page, name="erase"),
    path("data/phrase/", my_data.phrase, name="phrase"),
    path("data/contact/", my_data.contact, name="contact"),
    path("language/", my_data.language, name="language"),
    path("no-thanks/<str:token>/", my_data.decline_invitations, name="no_thanks"),
]
