"""Names in templates: of countries, key models, what carriers say, and the parts that can fail."""

from collections.abc import Iterable

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fulfillment.claims import countries
from fulfillment.claims.models import Region
from fulfillment.vault.addresses import PostalAddress, lines_of
from fulfillment.vault.subdivisions import subdivision_name
from pages.key_recommendation import OfferedModel
from pages.verdicts import title_of

register = template.Library()


@register.filter
def localized_country(code: str) -> str:
    return countries.localized_country_name(code)


@register.filter
def show_address_lines(address: PostalAddress) -> list[str]:
    """An address, line by line, as people in its country write it."""
    return lines_of(address)


@register.filter
def date_in_words(said: str) -> str:
    """What is stored in English, in the reader's language."""
    return gettext(said) if said else ""


@register.filter
def part_name(region: Region) -> str:
    """What the part of the country is called that the row is about."""
    return subdivision_name(region.country, region.subdivision)


@register.filter
def rule_title(rule: str) -> str | Promise:
    """What a rule of the policy is about."""
    return title_of(rule)


@register.filter
def join_names(models: Iterable[OfferedModel]) -> str:
    return ", ".join(gettext(model.name) for model in models)


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
def carrier_word(status: str) -> str | Promise:
    """A carrier's status; new ones appear without notice, and are shown as they are."""
    return _CARRIER_WORDS.get(status, status.replace("_", " "))


_PARTS = {
    "database": _("This site"),
    "migrations": _("Updates of this site"),
    "worker": _("Emails and parcels in the background"),
    "roster": _("The list of maintainers"),
    "buying_labels": _("Postage for parcels"),
    "webhook_endpoint": _("News from the carrier"),
    "webhooks_worked": _("What the carrier told us"),
    "unclaimed_labels": _("Postage without a parcel"),
}


@register.filter
def part_of_the_house(name: str) -> str | Promise:
    return _PARTS.get(name, name.replace("_", " ").capitalize())
