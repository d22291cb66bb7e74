"""URLs of the payment pages, and of the vendor's webhooks (below /api/v1/webhooks/)."""

from django.urls import path

from fulfillment.payments import views

app_name = "payments"

urlpatterns = [
    path("claims/<str:code>/pay/", views.payment_page, name="pay"),
    path("claims/<str:code>/paid/", views.paid, name="paid"),
    path("claims/<str:code>/paid/standing/", views.payment_status, name="standing"),
    path("claims/<str:code>/receipt/", views.receipt, name="receipt"),
    path("api/v1/webhooks/stripe", views.stripe_webhook, name="stripe_webhook"),
]
