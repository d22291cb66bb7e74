"""Backorders: the out-of-stock part of a claim, on the waitlist as a claim of its own."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from common.public_ids import new_code
from fulfillment.claims.models import Claim, ClaimEvent, ClaimItem, ReplacedUnit
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.transitions import record_claim_event
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import store_address
from inventory.rules import Wanted


def create_backorder(
    claim: Claim, rest: Sequence[Wanted], *, address: PostalAddress, actor: str, now: datetime
) -> Claim:
    """Put the rest of an accepted claim on the waitlist. Its keys are sent without another offer.

    It has the same decision, and its address is encrypted under a key of its own, because the first parcel's
    may be shredded long before the second is sent.
    """
    waiting = Claim.objects.create(
        code=new_code("C"),
        campaign_id=claim.campaign_id,
        account_id=claim.account_id,
        decision_id=claim.decision_id,
        replaces_id=claim.pk,
        state=ClaimState.WAITLISTED,
        country=claim.country,
        service=claim.service,
        created_at=now,
        updated_at=now,
        waitlisted_at=now,
    )
    ClaimItem.objects.bulk_create(ClaimItem(claim=waiting, **item._asdict()) for item in rest)
    store_address(subject=waiting.code, address=address, now=now)
    record_claim_event(
        waiting, ClaimEvent.Name.WAITLISTED, actor=actor, now=now, data={"rest_of": claim.code}
    )
    return waiting


def open_backorders(claim: Claim) -> QuerySet[Claim]:
    """The backorders of a claim, which are cancelled and changed with it until a label is started."""
    waiting = Claim.objects.cancellable().filter(replaces=claim, label_started_at__isnull=True)
    # A replacement is for keys that were already sent, so cancelling the claim does not cancel it.
    return waiting.exclude(pk__in=ReplacedUnit.objects.values("claim")).order_by("pk")
