"""Data sent to the vendor about a parcel: sender, recipient, measures, customs."""

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
    """The parcel cannot go as it is; the message says why and holds nothing personal."""


@dataclass(frozen=True)
class Description:
    to: Party
    from_: Party
    parcel: Parcel
    customs: Customs | None
    value_cents: int


def describe_shipment(purchase: LabelPurchase, address: PostalAddress) -> Description:
    """The parcel of a purchase as carriers and customs are told of it.

    A return is described as the parcel went out: the vendor swaps the ends itself.

    Args:   address: as the claimant gave it; carriers are given its Latin parts.
    Raises: CannotBeDescribed: too much for one parcel, or an export filing is needed and not there.
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
    """The model of each key in a parcel, as often as there are keys of it."""
    return KeyModel.objects.filter(units__shipments=shipment).order_by("units__id")


def shipment_content(model: KeyModel) -> Content:
    """A key of this model as parcels count it."""
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
    """Carriers refuse parcels abroad without a phone and a mail address; the desk's stand in."""
    latin = for_carriers(address)
    if not abroad:
        return Party(latin, phone=address.phone)
    return Party(latin, phone=address.phone or sender.phone, email=sender.email, tax_id=address.tax_id)


def _customs(
    purchase: LabelPurchase, contents: Sequence[Content], address: PostalAddress, *, sender: Party
) -> Customs | None:
    """The declaration, for every parcel that goes abroad, to a US territory or to a military post office."""
    origin = sender.address.country
    if not needs_customs(to=address, from_country=origin):
        return None
    lines = customs_lines(contents)
    if purchase.is_return:
        # It is exported by whoever has it, under the rules of where they live.
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
