"""Gateways to the shipping vendor: build the configured clients."""

from functools import cache

from fulfillment.shipments.carrier import AddressVerifier, CarrierGateway

# A maintainer waits this long for address verification; then the claim continues without it.
PATIENCE_S = 4


@cache
def carrier_gateway() -> CarrierGateway:
    """The configured gateway: one for each process, with one client for each thread."""
    from django.conf import settings

    from fulfillment.postage.gateways.easypost import EasyPostGateway

    environment = settings.ENVIRONMENT
    return EasyPostGateway(
        api_key=environment.easypost_api_key.get_secret_value(),
        api_base=environment.easypost_api_base,
        mode=environment.easypost_mode,
        timeout_s=environment.easypost_timeout_s,
    )


@cache
def address_verifier() -> AddressVerifier:
    """The same, for requests: it gives up within seconds."""
    from django.conf import settings

    from fulfillment.postage.gateways.easypost import EasyPostGateway

    environment = settings.ENVIRONMENT
    return EasyPostGateway(
        api_key=environment.easypost_api_key.get_secret_value(),
        api_base=environment.easypost_api_base,
        mode=environment.easypost_mode,
        timeout_s=min(environment.easypost_timeout_s, PATIENCE_S),
    )
