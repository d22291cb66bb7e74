"""The app of data subject requests. Its label, and so its tables, kept its former name."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "fulfillment.privacy"
    label = "personal"
    default_auto_field = "django.db.models.BigAutoField"
