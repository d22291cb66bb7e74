"""The app of personal data."""

from django.apps import AppConfig


class PersonalConfig(AppConfig):
    name = "fulfillment.personal"
    default_auto_field = "django.db.models.BigAutoField"
