"""The desk: where staff work."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Pages for staff, the roles that open them, and the trail of what was done."""

    name = "desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from desk import sign_ins

        sign_ins.record_sign_ins()
