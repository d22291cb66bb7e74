"""Countries: whether keys can be sent there, on what terms, or why not. Public."""

from django.http import HttpRequest
from ninja import Router

from api.paging import Cursor, Limit, decode_cursor, paginate
from api.regions.schemas import RegionListOut, RegionOut
from api.regions.serializers import serialize_region, serialize_unserved
from api.responses import Country, answers, for_anyone
from common import clock
from fulfillment.claims.countries import is_country
from fulfillment.claims.errors import ClaimsError
from fulfillment.claims.models import Region
from fulfillment.claims.region_lookup import closed_subdivisions, country_region

router = Router(tags=["regions"])


class UnknownCountry(ClaimsError):
    code = "unknown_country"

    def __init__(self, country: str) -> None:
        super().__init__(f"{country} is not a country code of ISO 3166-1.")


@router.get("", response=answers(RegionListOut), summary="List the countries served", **for_anyone())
def list_regions(request: HttpRequest, limit: Limit, cursor: Cursor) -> RegionListOut:
    """The countries of the region table. A country that is not listed is not served."""
    rows = Region.objects.in_force(clock.now()).filter(key_model__isnull=True, subdivision="")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(country__gt=after)
    # The newest row of a country is the one in force.
    rows = rows.order_by("country", "-valid_from").distinct("country")
    shown, following = paginate(list(rows[: limit + 1]), limit=limit, cursor_of=lambda row: (row.country,))
    parts = closed_subdivisions([row.country for row in shown], now=clock.now())
    items = [serialize_region(row, closed_parts=parts.get(row.country, [])) for row in shown]
    return RegionListOut(items=items, next=following)


@router.get("/{country}", response=answers(RegionOut), summary="Get a country", **for_anyone())
def get_region(request: HttpRequest, country: Country) -> RegionOut:
    """Whether keys can be sent to a country, on what terms, or why not."""
    if not is_country(country):
        raise UnknownCountry(country)
    now = clock.now()
    region = country_region(country=country, now=now)
    if region is None:
        return serialize_unserved(country)
    return serialize_region(region, closed_parts=closed_subdivisions([country], now=now).get(country, []))
