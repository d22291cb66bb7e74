"""The shipment data sent to the vendor: sender, recipient, measures, customs."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from common.prepared_queries import prepared
from fulfillment.postage.rules.customs import customs_lines, exemption
from fulfillment.postage.rules.destinations import needs_customs
from fulfillment.postage.rules.packaging import Content, TooMuch, parcel_for
from fulfillment.postage.rules.transliteration import for_carriers
from fulfillment.shipments.carrier_values import Customs, Parcel, Party
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.origin import sender_at
from fulfillment.vault.addresses import PostalAddress
from inventory.models import KeyModel


class CannotBeDescribed(Exception):
    """The parcel cannot be shipped; the message says why, without personal data."""


@dataclass(frozen=True)
class Description:
    to: Party
    from_: Party
    parcel: Parcel
    customs: Customs | None
    value_cents: int


def describe_shipment(purchase: LabelPurchase, address: PostalAddress) -> Description:
    """Describe the parcel of a purchase for carriers and customs.

    A return is described like the outbound parcel: the vendor swaps sender and recipient itself.

    Args:   address: as the claimant gave it; carriers get its Latin parts.
    Raises: CannotBeDescribed: too many keys for one parcel, or an export filing is missing.
    """
    shipment = purchase.shipment
    sender = sender_at(shipment.warehouse)
    contents = [shipment_content(model) for model in _models_of(shipment=shipment)]
    customs = _customs(purchase, contents, address, sender=sender)
    try:
        parcel = parcel_for(contents)
    except TooMuch as problem:
        raise CannotBeDescribed(str(problem)) from None
    return Description(
        to=_recipient(address, sender=sender, abroad=customs is not None),
        from_=sender,
        parcel=parcel,
        customs=customs,
        value_cents=sum(content.value_cents for content in contents),
    )


@prepared
def _models_of(*, shipment: Shipment) -> QuerySet[KeyModel]:
    """The model of each key in a parcel, one entry a key."""
    return KeyModel.objects.filter(units__shipments=shipment).order_by("units__id")


def shipment_content(model: KeyModel) -> Content:
    """The content of a parcel for one key of this model."""
    return Content(
        sku=model.sku,
        description=model.name,
        weight_g=model.weight_g,
        length_mm=model.length_mm,
        width_mm=model.width_mm,
        height_mm=model.height_mm,
        hs_code=model.hs_code,
        origin_country=model.origin_country,
        value_cents=model.customs_value_cents,
        currency=model.currency,
        eccn=model.eccn,
    )


def _recipient(address: PostalAddress, *, sender: Party, abroad: bool) -> Party:
    """The recipient; the desk's phone and email stand in, because carriers abroad require them."""
    latin = for_carriers(address)
    if not abroad:
        return Party(latin, phone=address.phone)
    return Party(latin, phone=address.phone or sender.phone, email=sender.email, tax_id=address.tax_id)


def _customs(
    purchase: LabelPurchase, contents: Sequence[Content], address: PostalAddress, *, sender: Party
) -> Customs | None:
    """The customs declaration, for parcels abroad, to US territories and to military post offices."""
    origin = sender.address.country
    if not needs_customs(to=address, from_country=origin):
        return None
    lines = customs_lines(contents)
    if purchase.is_return:
        # A return is exported by the maintainer, under the rules of their country.
        return Customs(
            lines=lines,
            signer=for_carriers(address).name,
            incoterm=purchase.incoterm,
            exemption="",
            contents="returned_goods",
        )
    filing = exemption(
        lines, from_country=origin, to_country=address.country, filing=purchase.shipment.export_filing
    )
    if filing is None:
        raise CannotBeDescribed("export filing needed")
    return Customs(lines=lines, signer=sender.address.name, incoterm=purchase.incoterm, exemption=filing)
