"""The app of shipments. Its label, and so its tables, kept the name of the room it was split from."""

from django.apps import AppConfig


class ShipmentsConfig(AppConfig):
    name = "fulfillment.shipments"
    label = "shipping"
    default_auto_field = "django.db.models.BigAutoField"
