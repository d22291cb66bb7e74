"""The payment vendor: a protocol, plain values, and the Stripe client."""

from functools import cache

from fulfillment.payments.gateways.base import PaymentGateway


@cache
def payment_gateway() -> PaymentGateway:
    """The gateway configured in the settings: one per process, with one connection per thread."""
    from django.conf import settings

    from fulfillment.payments.gateways.stripe import StripeGateway

    environment = settings.ENVIRONMENT
    return StripeGateway(
        secret_key=environment.stripe_secret_key.get_secret_value(),
        api_base=environment.stripe_api_base,
        mode=environment.stripe_mode,
        timeout_s=environment.stripe_timeout_s,
    )
