"""Sender and return address of parcels: the address of their warehouse."""

from fulfillment.shipments.carrier_values import Party
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Warehouse

# EasyPost's published test address, so that a development setup does not use a real one.
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


def sender_at(warehouse: Warehouse | None) -> Party:
    """The sender of parcels from a warehouse; without one, the sender above."""
    if warehouse is None:
        return SENDER
    return Party(
        address=PostalAddress(
            name=warehouse.contact_name,
            company=warehouse.company,
            street1=warehouse.street1,
            street2=warehouse.street2,
            city=warehouse.city,
            state=warehouse.state,
            postal_code=warehouse.postal_code,
            country=warehouse.country,
        ),
        phone=warehouse.phone or SENDER.phone,
        email=SENDER.email,
    )
