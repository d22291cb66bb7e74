"""Replacement claims: for as many keys as were recalled, lost, damaged or returned, and no more."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from common.public_ids import new_code
from config.jobs import defer
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.claims.errors import NothingToReplace, UnknownClaim
from fulfillment.claims.models import Claim, ClaimEvent, ClaimItem, ReplacedUnit
from fulfillment.claims.region_lookup import offered_models
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.stock_reservation import reserve_or_wait
from fulfillment.claims.services.transitions import record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address, store_address
from inventory.models import Movement, Unit
from inventory.rules import Wanted


def grant_replacement(
    *,
    code: str,
    serials: Collection[str],
    why: str,
    actor: str,
    now: datetime,
    same_model: bool = True,
    address: PostalAddress | None = None,
) -> Claim:
    """Make a claim that replaces keys of another claim.

    It uses the decision of the claim it replaces, and is accepted or waitlisted, and shipped, like any other.
    Each key is replaced only once.

    Args:    code: the claim that had the keys; a replacement can itself be replaced.
             serials: its keys that are to be replaced; those already replaced are skipped.
             why: a recall's code, a case or a shipment.
             same_model: send keys of the same models; else of any that the campaign offers.
             address: the destination; by default that of the claim.
    Raises:  UnknownClaim. NothingToReplace: no key of the claim is left to replace.
             Shredded: the address of the claim is gone; ask for one.
    Locks:   the claim's row, so that two grants run one after the other; then units.
    After commit: the maintainer is notified, and an accepted claim becomes a parcel.
    """
    with transaction.atomic():
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        if claim is None:
            raise UnknownClaim(code)
        units = _replaceable(claim, serials)
        if not units:
            raise NothingToReplace(code)
        if address is None:
            address = open_address(subject=code, purpose=Purpose.SUPPORT, actor=actor, now=now)
        models = Counter(unit.key_model_id if same_model else None for unit in units)
        replacement = _create(
            claim, [Wanted(*item) for item in models.items()], address, actor=actor, now=now
        )
        ReplacedUnit.objects.bulk_create(
            [
                ReplacedUnit(claim=replacement, unit=unit, why=why, granted_by=actor, granted_at=now)
                for unit in units
            ]
        )
        record_claim_event(
            replacement,
            ClaimEvent.Name(replacement.state),
            actor=actor,
            now=now,
            data={"replaces": code, "why": why, "serials": [unit.serial for unit in units]},
        )
        queue_notice(
            account_id=claim.account_id,
            template=Notice.Template.REPLACEMENT,
            claim_code=replacement.code,
            context={"quantity": len(units)},
            now=now,
        )
        if replacement.state == ClaimState.ACCEPTED:
            defer(SHIP_CLAIM, claim_id=replacement.pk)
    return replacement


def _replaceable(claim: Claim, serials: Collection[str]) -> list[Unit]:
    """Those of these keys that are the claim's own and not yet replaced."""
    its_own = Movement.objects.filter(reference=claim.code, unit__serial__in=serials).values("unit_id")
    replaced = ReplacedUnit.objects.filter(unit__serial__in=serials).values("unit_id")
    return list(Unit.objects.filter(pk__in=its_own).exclude(pk__in=replaced).order_by("serial"))


def _create(
    claim: Claim, wanted: list[Wanted], address: PostalAddress, *, actor: str, now: datetime
) -> Claim:
    new = new_code("C")
    state = reserve_or_wait(
        code=new,
        campaign_id=claim.campaign_id,
        wanted=wanted,
        among=offered_models(claim.campaign, country=claim.country, now=now).values(),
        is_free=True,
        actor=actor,
        now=now,
    )
    replacement = Claim.objects.create(
        code=new,
        campaign_id=claim.campaign_id,
        account_id=claim.account_id,
        decision_id=claim.decision_id,
        # Always the maintainer's original claim: its approval covers what replaces it.
        replaces_id=claim.replaces_id or claim.pk,
        state=state,
        country=address.country,
        service=claim.service,
        created_at=now,
        updated_at=now,
        waitlisted_at=now if state == ClaimState.WAITLISTED else None,
    )
    ClaimItem.objects.bulk_create(ClaimItem(claim=replacement, **item._asdict()) for item in wanted)
    store_address(subject=new, address=address, now=now)
    return replacement
