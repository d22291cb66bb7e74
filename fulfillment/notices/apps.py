"""App configuration; connects the receiver for the email provider's reports."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "fulfillment.notices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from fulfillment.notices import views

        views.listen_for_bounces()
