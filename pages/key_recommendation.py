"""Recommend keys for a person's devices, from ports and stock. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.region_lookup import models_for
from inventory.models import Connector, Unit

# No claim has more, so counting stops here.
COUNTED = 50

PORTS: dict[str, str | Promise] = {
    "usb_c": _("USB-C: the small oval one, on most newer laptops and phones"),
    "usb_a": _("USB-A: the larger flat one, on most older machines"),
    "nfc": _("A phone or tablet with NFC, to tap instead of plugging in"),
}
_CONNECTORS = {"usb_c": Connector.USB_C, "usb_a": Connector.USB_A}


@dataclass(frozen=True)
class OfferedModel:
    """A key model of the campaign.

    `available`: number in stock, at most `COUNTED`; 0 while others wait for this model, because new stock
    goes to them.
    """

    sku: str
    name: str
    connector: str
    has_nfc: bool
    available: int


def offered_by(campaign: Campaign, *, country: str, now: datetime) -> list[OfferedModel]:
    """The key models available to a country, with their stock; one query."""
    in_stock = Unit.objects.available().filter(key_model=OuterRef("pk")).values("pk")[:COUNTED]
    in_line = Claim.objects.waitlist().filter(campaign=campaign)
    line = in_line.filter(Q(items__key_model=None) | Q(items__key_model=OuterRef("pk")))
    models = models_for(campaign, country=country, now=now).annotate(
        in_stock=ArraySubquery(in_stock), is_waited_for=Exists(line)
    )
    return [
        OfferedModel(
            sku=model.sku,
            name=model.name,
            connector=model.connector,
            has_nfc=model.has_nfc,
            available=0 if model.is_waited_for else len(model.in_stock),
        )
        for model in models.order_by("connector", "sku")
    ]


def suggested(ports: Collection[str], offered: Sequence[OfferedModel], *, quantity: int) -> dict[str, int]:
    """SKU → quantity: one key for each port in turn, models in stock first.

    Without a port, one key of each connector in turn.
    """
    wanted = [_CONNECTORS[port] for port in ("usb_c", "usb_a") if port in ports] or list(_CONNECTORS.values())
    by_connector = [
        best
        for connector in wanted
        if (best := _best(connector, offered, needs_nfc="nfc" in ports)) is not None
    ] or list(offered[:1])
    chosen: dict[str, int] = {}
    left = {model.sku: model.available for model in offered}
    for number in range(quantity if by_connector else 0):
        turn = by_connector[number % len(by_connector)]
        # Prefer another fitting model over one that is out of stock.
        model = turn if left[turn.sku] else next((one for one in by_connector if left[one.sku]), turn)
        left[model.sku] -= 1
        chosen[model.sku] = chosen.get(model.sku, 0) + 1
    return chosen


def _best(connector: str, offered: Sequence[OfferedModel], *, needs_nfc: bool) -> OfferedModel | None:
    fitting = [model for model in offered if model.connector == connector]
    return max(
        fitting,
        key=lambda model: (model.available > 0, model.has_nfc or not needs_nfc, model.available),
        default=None,
    )
