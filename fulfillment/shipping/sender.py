"""Where parcels leave from. Issue 3 makes this a field of the location they are packed at."""

from fulfillment.shipping.gateways.base import Party
from fulfillment.vault.addresses import PostalAddress

# EasyPost's own published test address, so that a check-out sends nothing from anybody's real door.
SENDER = Party(
    address=PostalAddress(
        name="Fulfilment desk",
        company="KD Fulfilment",
        street1="417 Montgomery Street",
        street2="Floor 5",
        city="San Francisco",
        state="CA",
        postal_code="94104",
        country="US",
    ),
    phone="4155550100",
    email="keys@example.org",
)
