"""The desk: where staff work."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Pages for staff, their roles, and the activity log."""

    name = "desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from desk import sign_ins

        sign_ins.record_sign_ins()
