"""Overdue parcels, and accepted claims without a parcel (I10)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.shipments.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.shipments.services.cases import open_case
from fulfillment.tracking.rules.overdue import SHORTEST, UNSHIPPED_FOR, WATCHED_STATES, silence_limit

# The transit time assumed when no label was planned.
USUAL_DAYS = 14
_HERE = [ShipmentState.PLANNED, ShipmentState.LABELLED]


def open_silent_cases(*, now: datetime) -> int:
    """Open a case for every overdue parcel that has none; return how many.

    Each maintainer is notified that we are asking the carrier.
    """
    opened = 0
    for shipment, detail in list(overdue_parcels(now=now)):
        with transaction.atomic():
            opened += open_case(shipment=shipment, reason=CaseReason.SILENT, detail=detail, now=now)
    for claim in list(overdue_claims(now=now)):
        opened += _open_for_claim(claim, now=now)
    return opened


def overdue_parcels(*, now: datetime, grace: timedelta = timedelta(0)) -> Iterator[tuple[Shipment, str]]:
    """Overdue parcels without an open case, each with its state and the days without an update."""
    heard = TrackingUpdate.objects.filter(purchase__shipment=OuterRef("pk")).order_by("-recorded_at")
    promise = LabelPurchase.objects.outbound().filter(shipment=OuterRef("pk")).order_by("-generation")
    open_ones = Case.objects.filter(shipment=OuterRef("pk"), closed_at=None)
    quiet = (
        Shipment.objects.filter(~Exists(open_ones), state__in=sorted(WATCHED_STATES))
        # A parcel on hold waits for the payment dispute, which has a case of its own.
        .exclude(state__in=_HERE, claim__held_at__isnull=False, handed_over_at=None)
        .select_related("claim")
        .annotate(
            moved_at=Greatest(
                F("updated_at"), Coalesce(Subquery(heard.values("recorded_at")[:1]), F("updated_at"))
            ),
            promised_days=Subquery(promise.values("promised_days")[:1]),
            # Closing a case restarts the parcel's time.
            closed_at=Max("cases__closed_at"),
        )
        .filter(moved_at__lte=now - SHORTEST - grace)
        .order_by("pk")
    )
    for shipment in quiet.iterator(chunk_size=1000):
        since = max(filter(None, (shipment.moved_at, shipment.closed_at)))
        allowed = silence_limit(
            ShipmentState(shipment.state), promised_days=shipment.promised_days or USUAL_DAYS
        )
        if now - since >= allowed + grace:
            yield shipment, f"{shipment.state} and quiet for {(now - since).days} days"


def overdue_claims(*, now: datetime, grace: timedelta = timedelta(0)) -> QuerySet[Claim]:
    """Accepted claims overdue without any parcel. Claims on hold are excluded; they have a payment case."""
    parcels = Shipment.objects.filter(claim=OuterRef("pk")).exclude(state=ShipmentState.CANCELLED)
    return Claim.objects.filter(
        ~Exists(parcels),
        Q(updated_at__lte=now - UNSHIPPED_FOR - grace),
        state=ClaimState.ACCEPTED,
        held_at__isnull=True,
    ).order_by("pk")


@transaction.atomic
def _open_for_claim(claim: Claim, *, now: datetime) -> bool:
    """Create the claim's missing parcel, because a case needs one, and open the case."""
    locked = Claim.objects.select_for_update(no_key=True).get(pk=claim.pk)
    if locked.state != ClaimState.ACCEPTED:
        return False
    shipment, _ = Shipment.objects.get_or_create(
        claim=locked, state=ShipmentState.PLANNED, number=1, defaults={"created_at": now, "updated_at": now}
    )
    return open_case(shipment=shipment, reason=CaseReason.SILENT, detail="accepted, no parcel", now=now)
