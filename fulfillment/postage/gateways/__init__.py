"""The carriers' vendor as this room sees it: a protocol, plain values, and the real client behind them."""

from functools import cache

from fulfillment.shipments.carrier import AddressVerifier, CarrierGateway

# Somebody on a phone waits that long for the carrier's word on an address, and goes on without it.
PATIENCE_S = 4


@cache
def carrier_gateway() -> CarrierGateway:
    """The gateway this installation's settings describe: one a process, with a client a thread."""
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
    """As `from_environment`, for a person who waits: it gives up within seconds."""
    from django.conf import settings

    from fulfillment.postage.gateways.easypost import EasyPostGateway

    environment = settings.ENVIRONMENT
    return EasyPostGateway(
        api_key=environment.easypost_api_key.get_secret_value(),
        api_base=environment.easypost_api_base,
        mode=environment.easypost_mode,
        timeout_s=min(environment.easypost_timeout_s, PATIENCE_S),
    )
