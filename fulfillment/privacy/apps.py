"""App configuration. The label, and so the table names, is the app's former name."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "fulfillment.privacy"
    label = "personal"
    default_auto_field = "django.db.models.BigAutoField"
