"""Template filters for names: countries, key models, carrier statuses, parts of the site."""

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
    """An address as lines, in its country's format."""
    return lines_of(address)


@register.filter
def translate_stored(text: str) -> str:
    """Translate a text stored in English."""
    return gettext(text) if text else ""


@register.filter
def part_name(region: Region) -> str:
    """The name of the part of the country in this row."""
    return subdivision_name(region.country, region.subdivision)


@register.filter
def rule_title(rule: str) -> str | Promise:
    """The title of a rule."""
    return title_of(rule)


@register.filter
def join_names(models: Iterable[OfferedModel]) -> str:
    return ", ".join(gettext(model.name) for model in models)


_CARRIER_WORDS = {
    "pre_transit": _("label created, parcel not scanned yet"),
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
    "webhook_endpoint": _("Tracking updates"),
    "webhooks_worked": _("Processing of tracking updates"),
    "unclaimed_labels": _("Postage without a parcel"),
}


@register.filter
def site_component(name: str) -> str | Promise:
    return _PARTS.get(name, name.replace("_", " ").capitalize())
