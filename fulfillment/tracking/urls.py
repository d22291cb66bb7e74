"""URLs of EasyPost's webhooks, below /api/v1/webhooks/."""

from django.urls import path

from fulfillment.tracking import views

app_name = "shipping"

urlpatterns = [
    path("easypost", views.easypost_webhook, name="easypost_webhook"),
]
