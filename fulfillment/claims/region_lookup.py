"""Look up the region table: where keys can be sent now, on what terms, and which key models."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import QuerySet

from common.errors import BadRequest, FieldError
from common.prepared_queries import prepared
from fulfillment.claims.models import Campaign, Region
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.subdivisions import subdivision_of
from inventory.models import KeyModel


def country_region(*, country: str, now: datetime) -> Region | None:
    """The row in force for a whole country; where an address is known, use `address_region`."""
    return _by_part(country, now).get("")


def _by_part(country: str, now: datetime) -> dict[str, Region]:
    """A country's rows in force by subdivision, empty for the whole country."""
    return {row.subdivision: row for row in _regions(country=country, now=now)}


@prepared
def _regions(*, country: str, now: datetime) -> QuerySet[Region]:
    rows = Region.objects.in_force(now).filter(country=country, key_model__isnull=True)
    return rows.order_by("valid_from")


def address_region(address: PostalAddress, *, now: datetime) -> Region | None:
    """The row in force for an address: that of its subdivision, else that of the whole country.

    Raises: BadRequest: subdivisions differ, and the address does not tell which one it is in.
    """
    by_part = _by_part(address.country, now)
    whole = by_part.get("")
    if whole is None or len(by_part) == 1:
        return whole
    part = subdivision_of(address)
    if not part:
        raise BadRequest([FieldError("shipping_address.state", "which_part", _STATE_NEEDED)])
    return by_part.get(part, whole)


_STATE_NEEDED = "Keys are not sent to every part of this country. Enter the state or region."


def closed_subdivisions(countries: Collection[str], *, now: datetime) -> dict[str, list[Region]]:
    """The subdivisions that keys cannot be sent to, by country."""
    rows = Region.objects.in_force(now).filter(country__in=countries, key_model__isnull=True)
    found: dict[str, list[Region]] = {}
    for row in rows.exclude(subdivision="").exclude(status=Region.Status.OPEN).order_by("subdivision"):
        found.setdefault(row.country, []).append(row)
    return found


def models_for(campaign: Campaign, *, country: str, now: datetime) -> QuerySet[KeyModel]:
    """The key models that the campaign offers in a country; the region table may close it to one of them."""
    closed = Region.objects.in_force(now).filter(country=country, key_model__isnull=False)
    closed = closed.exclude(status=Region.Status.OPEN)
    given_out = KeyModel.objects.filter(campaigns=campaign, is_active=True)
    return given_out.exclude(pk__in=closed.values("key_model"))


def offered_models(campaign: Campaign, *, country: str, now: datetime) -> dict[str, int]:
    """`models_for`, by SKU."""
    return dict(_offered(campaign=campaign, country=country, now=now))


@prepared
def _offered(*, campaign: Campaign, country: str, now: datetime) -> QuerySet[KeyModel, tuple[str, int]]:
    return models_for(campaign, country=country, now=now).values_list("sku", "id")


def open_regions(now: datetime) -> Sequence[Region]:
    """The regions where keys can be sent now, by country."""
    rows = Region.objects.in_force(now).filter(
        status=Region.Status.OPEN, key_model__isnull=True, subdivision=""
    )
    return list(rows.order_by("country"))
