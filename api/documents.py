"""Rows of the rooms as the documents that go out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import JSONObject, RowNumber
from django.urls import reverse

from common.prepared_queries import prepared
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Campaign, Claim, ClaimEvent, ClaimItem, ClaimQuerySet, Region
from fulfillment.claims.rules import ClaimState
from fulfillment.vault.subdivisions import subdivision_name
from inventory.models import Movement, Unit
from inventory.selectors import place_of, transfers_of
from reports.public.figures import public_keys

_SENT = (ClaimEvent.Name.SHIPPED, ClaimEvent.Name.CORRECTED)


ClaimRow = Mapping[str, Any]


def with_parts(claims: ClaimQuerySet) -> QuerySet[Claim, dict[str, Any]]:
    """All that the documents of these claims need, a row each, in one query."""
    items = ClaimItem.objects.filter(claim=OuterRef("pk")).order_by("pk")
    sendings = ClaimEvent.objects.filter(
        claim=OuterRef("pk"), name__in=_SENT, data__tracking_code__gt=""
    ).order_by("-at", "-id")
    rows: QuerySet[Claim, dict[str, Any]] = claims.values(
        *("pk", "code", "campaign_id", "campaign__slug", "account__username", "state", "service", "country"),
        *("offered_until", "created_at", "updated_at", "quote__total", "quote__currency"),
        parts=ArraySubquery(items.values(part=JSONObject(sku="key_model__sku", quantity="quantity"))),
        sending=Subquery(sendings.values("data")[:1]),
    )
    return rows


def claim_documents(claims: Sequence[ClaimRow]) -> list[dict[str, Any]]:
    """The documents of claims read `with_parts`."""
    places = _places_in_line(claims)
    return [_claim_document(claim, places.get(claim["pk"])) for claim in claims]


def claim_document(code: str) -> dict[str, Any]:
    """The document of one claim that exists."""
    return claim_documents(_claims(code=code))[0]


@prepared
def _claims(*, code: str) -> QuerySet[Claim, dict[str, Any]]:
    return with_parts(Claim.objects.filter(code=code))


def _claim_document(claim: ClaimRow, place: int | None) -> dict[str, Any]:
    return {
        "code": claim["code"],
        "campaign": claim["campaign__slug"],
        "maintainer": claim["account__username"],
        "state": claim["state"],
        "items": claim["parts"],
        "service": claim["service"],
        "country": claim["country"],
        "place": place,
        "created_at": claim["created_at"],
        "updated_at": claim["updated_at"],
        **_payment(claim),
        "tracking": _tracking(claim["sending"]),
    }


def _payment(claim: ClaimRow) -> dict[str, Any]:
    total, currency = claim["quote__total"], claim["quote__currency"]
    is_due = claim["state"] == ClaimState.AWAITING_PAYMENT
    return {
        "price": {"amount": total, "currency": currency} if total is not None else None,
        "payment_url": settings.SITE_URL + reverse("payments:pay", args=[claim["code"]]) if is_due else None,
    }


def _tracking(sending: Mapping[str, str] | None) -> dict[str, str] | None:
    if sending is None:
        return None
    return {"carrier": sending.get("carrier", ""), "tracking_code": sending["tracking_code"]}


def _places_in_line(claims: Sequence[ClaimRow]) -> dict[int, int]:
    """The places of the waitlisted among the claims, all counted in one query."""
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


def campaign_document(campaign: Campaign, *, now: datetime) -> dict[str, Any]:
    keys = public_keys(campaign, now=now)
    return {
        "slug": campaign.slug,
        "name": campaign.name,
        "sponsor": campaign.sponsor,
        "opens_at": campaign.opens_at,
        "closes_at": campaign.closes_at,
        "per_claim": campaign.per_claim,
        "keys": {
            "total": keys.total,
            "available": keys.available,
            "claimed": keys.claimed,
            "redeemed": keys.redeemed,
        },
    }


def region_document(region: Region, *, closed_parts: Sequence[Region]) -> dict[str, Any]:
    is_open = region.status == Region.Status.OPEN
    return {
        "country": region.country,
        "name": localized_country_name(region.country),
        "status": region.status,
        "reason": region.reason,
        "source": region.source,
        "is_sponsored": region.is_sponsored,
        "keys_per_parcel": region.keys_per_parcel,
        "phone_required": region.phone_required,
        "tax_id_required": region.tax_id_required,
        "po_box_allowed": region.po_box_allowed,
        "incoterm": region.incoterm,
        "promised_days": region.promised_days if is_open else None,
        "closed_parts": [_part_document(part) for part in closed_parts],
    }


def _part_document(part: Region) -> dict[str, Any]:
    return {
        "subdivision": part.subdivision,
        "name": subdivision_name(part.country, part.subdivision),
        "status": part.status,
        "reason": part.reason,
        "source": part.source,
    }


def unserved_document(country: str) -> dict[str, Any]:
    """A country without a row in the table is not served."""
    return {
        "country": country,
        "name": localized_country_name(country),
        "status": "blocked",
        "reason": "We have no way to send keys there yet.",
        "source": "",
        "is_sponsored": False,
        "keys_per_parcel": 0,
        "phone_required": False,
        "tax_id_required": False,
        "po_box_allowed": False,
        "incoterm": "",
        "promised_days": None,
        "closed_parts": [],
    }


def unit_document(unit: Unit, movements: Iterable[Movement]) -> dict[str, Any]:
    return {
        "serial": unit.serial,
        "sku": unit.key_model.sku,
        "lot": unit.lot.reference,
        "account": unit.account,
        "held_for": unit.held_for,
        "bin": str(place) if (place := place_of(unit)) else None,
        "transfers": [
            {
                "from_bin": str(transfer.from_bin) if transfer.from_bin else None,
                "to_bin": str(transfer.to_bin) if transfer.to_bin else None,
                "reason": transfer.reason,
                "reference": transfer.reference,
                "actor": transfer.actor,
                "moved_at": transfer.moved_at,
            }
            for transfer in transfers_of(unit)
        ],
        "movements": [
            {
                "sequence": movement.sequence,
                "from_account": movement.from_account,
                "to_account": movement.to_account,
                "reason": movement.reason,
                "reference": movement.reference,
                "actor": movement.actor,
                "moved_at": movement.moved_at,
                "hash": bytes(movement.hash).hex(),
            }
            for movement in movements
        ],
    }


def updated_after(claims: ClaimQuerySet, moment: datetime, code: str) -> ClaimQuerySet:
    """The claims behind a place in the order of change."""
    return claims.filter(updated_at__gte=moment).exclude(updated_at=moment, code__lte=code)
