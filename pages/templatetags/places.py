"""Names in templates: of countries, key models, what carriers say, and the parts that can fail."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from fulfillment.claims import countries
from pages.ports import OfferedModel

register = template.Library()


@register.filter
def country_name(code: str) -> str:
    return countries.country_name(code)


@register.filter
def join_names(models: Iterable[OfferedModel]) -> str:
    return ", ".join(model.name for model in models)


_CARRIER_WORDS = {
    "pre_transit": _("the label is made, the parcel not seen yet"),
    "in_transit": _("on its way"),
    "out_for_delivery": _("out for delivery"),
    "delivered": _("delivered"),
    "available_for_pickup": _("waiting to be picked up"),
    "return_to_sender": _("on its way back to us"),
    "failure": _("could not be delivered"),
    "cancelled": _("cancelled"),
    "error": _("the carrier has a problem with it"),
}


@register.filter
def carrier_word(status: str) -> Any:
    """A carrier's status; new ones appear without notice, and are shown as they are."""
    return _CARRIER_WORDS.get(status, status.replace("_", " "))


_PARTS = {
    "database": _("This site"),
    "migrations": _("Updates of this site"),
    "worker": _("Mails and parcels in the background"),
    "roster": _("The list of maintainers"),
}


@register.filter
def part_of_the_house(name: str) -> Any:
    return _PARTS.get(name, name.replace("_", " ").capitalize())
