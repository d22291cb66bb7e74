"""Claims as API responses, read in one query for any number of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import JSONObject, RowNumber
from django.urls import reverse

from api.claims.schemas import ClaimItemOut, ClaimOut, TrackingOut
from api.schemas import MoneyOut
from common.prepared_queries import prepared
from fulfillment.claims.models import Claim, ClaimEvent, ClaimItem, ClaimQuerySet
from fulfillment.claims.rules import ClaimState

_SHIPMENT_EVENTS = (ClaimEvent.Name.SHIPPED, ClaimEvent.Name.CORRECTED)


class _ItemPart(TypedDict):
    sku: str | None
    quantity: int


class ClaimRow(TypedDict):
    """The columns of a claim that its response needs."""

    pk: int
    code: str
    campaign_id: int
    campaign__slug: str
    account__username: str
    state: str
    service: str
    country: str
    offered_until: datetime | None
    created_at: datetime
    updated_at: datetime
    quote__total: int | None
    quote__currency: str | None
    parts: list[_ItemPart]
    sending: Mapping[str, str] | None


def select_claims(claims: ClaimQuerySet) -> QuerySet[Claim, ClaimRow]:
    """One row for each claim with everything its response needs, in one query."""
    items = ClaimItem.objects.filter(claim=OuterRef("pk")).order_by("pk")
    shipped = ClaimEvent.objects.filter(
        claim=OuterRef("pk"), name__in=_SHIPMENT_EVENTS, data__tracking_code__gt=""
    ).order_by("-at", "-id")
    rows: QuerySet[Claim, ClaimRow] = claims.values(
        *("pk", "code", "campaign_id", "campaign__slug", "account__username", "state", "service", "country"),
        *("offered_until", "created_at", "updated_at", "quote__total", "quote__currency"),
        parts=ArraySubquery(items.values(part=JSONObject(sku="key_model__sku", quantity="quantity"))),
        sending=Subquery(shipped.values("data")[:1]),
    )
    return rows


def serialize_claims(claims: Sequence[ClaimRow]) -> list[ClaimOut]:
    """Responses for claims read by `select_claims`."""
    places = _places_in_line(claims)
    return [_serialize(claim, places.get(claim["pk"])) for claim in claims]


def serialize_claim(code: str) -> ClaimOut:
    """The response for one claim, which must exist."""
    return serialize_claims(_claims_with_code(code=code))[0]


@prepared
def _claims_with_code(*, code: str) -> QuerySet[Claim, ClaimRow]:
    return select_claims(Claim.objects.filter(code=code))


def _serialize(claim: ClaimRow, place: int | None) -> ClaimOut:
    is_payment_due = claim["state"] == ClaimState.AWAITING_PAYMENT
    return ClaimOut(
        code=claim["code"],
        campaign=claim["campaign__slug"],
        maintainer=claim["account__username"],
        state=claim["state"],
        items=[ClaimItemOut(sku=part["sku"], quantity=part["quantity"]) for part in claim["parts"]],
        service=claim["service"],
        country=claim["country"],
        place=place,
        created_at=claim["created_at"],
        updated_at=claim["updated_at"],
        price=_price(claim),
        payment_url=settings.SITE_URL + reverse("payments:pay", args=[claim["code"]])
        if is_payment_due
        else None,
        tracking=_tracking(claim["sending"]),
    )


def _price(claim: ClaimRow) -> MoneyOut | None:
    total, currency = claim["quote__total"], claim["quote__currency"]
    if total is None or currency is None:
        return None
    return MoneyOut(amount=total, currency=currency)


def _tracking(event_data: Mapping[str, str] | None) -> TrackingOut | None:
    if event_data is None:
        return None
    return TrackingOut(carrier=event_data.get("carrier", ""), tracking_code=event_data["tracking_code"])


def _places_in_line(claims: Sequence[ClaimRow]) -> dict[int, int]:
    """Waitlist places of the waitlisted claims, all counted in one query."""
    waiting = [
        claim for claim in claims if claim["state"] == ClaimState.WAITLISTED and not claim["offered_until"]
    ]
    if not waiting:
        return {}
    lines = Claim.objects.filter(
        state=ClaimState.WAITLISTED,
        offered_until=None,
        campaign_id__in={claim["campaign_id"] for claim in waiting},
    )
    numbered = lines.annotate(
        place=Window(RowNumber(), partition_by=F("campaign_id"), order_by=[F("waitlisted_at"), F("id")])
    )
    return dict(numbered.filter(pk__in=[claim["pk"] for claim in waiting]).values_list("pk", "place"))


def updated_after(claims: ClaimQuerySet, moment: datetime, code: str) -> ClaimQuerySet:
    """The claims after a cursor, in order of last change."""
    return claims.filter(updated_at__gte=moment).exclude(updated_at=moment, code__lte=code)
