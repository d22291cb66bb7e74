"""May keys be sent here, on what terms, and why not: public."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api.documents import region_document, unserved_document
from api.paging import Cursor, Limit, decode_cursor, paginate
from api.responses import Country, answers, for_anyone
from api.schemas import RegionListOut, RegionOut
from common import clock
from fulfillment.claims.countries import is_country
from fulfillment.claims.errors import ClaimsError
from fulfillment.claims.models import Region
from fulfillment.claims.region_lookup import closed_parts, region_for

router = Router(tags=["regions"])


class UnknownCountry(ClaimsError):
    code = "unknown_country"

    def __init__(self, country: str) -> None:
        super().__init__(f"{country} is no country code of ISO 3166-1.")


@router.get("", response=answers(RegionListOut), summary="Where keys can be sent", **for_anyone())
def list_regions(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The countries in the region table. One that is not in it is not served."""
    rows = Region.objects.in_force(clock.now()).filter(key_model__isnull=True, subdivision="")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(country__gt=after)
    # The newest row of a country counts.
    rows = rows.order_by("country", "-valid_from").distinct("country")
    shown, following = paginate(list(rows[: limit + 1]), limit=limit, cursor_of=lambda row: (row.country,))
    parts = closed_parts([row.country for row in shown], now=clock.now())
    items = [region_document(row, closed_parts=parts.get(row.country, [])) for row in shown]
    return {"items": items, "next": following}


@router.get(
    "/{country}", response=answers(RegionOut), summary="Whether keys can be sent here", **for_anyone()
)
def get_region(request: HttpRequest, country: Country) -> dict[str, Any]:
    if not is_country(country):
        raise UnknownCountry(country)
    now = clock.now()
    region = region_for(country=country, now=now)
    if region is None:
        return unserved_document(country)
    return region_document(region, closed_parts=closed_parts([country], now=now).get(country, []))
