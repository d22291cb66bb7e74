"""App configuration. The label, and so the table prefix, is still `shipping`, the app it was split from."""

from django.apps import AppConfig


class ShipmentsConfig(AppConfig):
    name = "fulfillment.shipments"
    label = "shipping"
    default_auto_field = "django.db.models.BigAutoField"
