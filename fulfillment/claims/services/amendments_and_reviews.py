"""Amend, cancel, review and confirm claims."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from config.jobs import defer
from fulfillment.claims.deferred_jobs import SETTLE_CLAIM
from fulfillment.claims.errors import NotInReview, NotSent, TooLate, UnknownClaim
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.pricing import is_free, payment_due_at
from fulfillment.claims.region_lookup import address_region, offered_models
from fulfillment.claims.requests import fit_to_region
from fulfillment.claims.rules import ARRIVING_STATES, CANCELLABLE_STATES, HOLDING_STATES, ClaimState
from fulfillment.claims.services.announcements import announce_claim
from fulfillment.claims.services.backorders import create_backorder, open_backorders
from fulfillment.claims.services.stock_reservation import reserve_or_wait, reserve_some_or_wait, wanted_units
from fulfillment.claims.services.transitions import change_state, record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address, shred, store_address
from inventory.rules import Wanted
from inventory.services.reservations import release

WAITLIST = "system:waitlist"


def cancel_claim(*, code: str, actor: str, now: datetime) -> Claim:
    """Cancel a claim or decline an offer: release its units, shred its address, serve the waitlist.

    Its backorders are cancelled with it.

    Raises: UnknownClaim. TooLate: the label is being bought or the claim is closed.
    Locks:  the claim's row, then its units, then the rows and units of its backorders.
    """
    with transaction.atomic(durable=True):
        claim = _locked(code)
        if claim.label_started_at is not None or claim.state not in CANCELLABLE_STATES:
            raise TooLate(code)
        held = claim.state in HOLDING_STATES or claim.offered_until is not None
        _cancel(claim, actor=actor, now=now)
        if held:
            release(holder=code, actor=actor, now=now, reason="cancelled")
        if claim.payment_due_at is not None:
            # Payments received or in progress are refunded.
            defer(SETTLE_CLAIM, claim_id=claim.pk)
        for rest in open_backorders(claim).select_for_update(no_key=True):
            _cancel(rest, actor=actor, now=now)
            release(holder=rest.code, actor=actor, now=now, reason="cancelled")
        queue_notice(
            account_id=claim.account_id, template=Notice.Template.CANCELLED, claim_code=code, now=now
        )
    return claim


def _cancel(claim: Claim, *, actor: str, now: datetime) -> None:
    change_state(
        claim,
        to=ClaimState.CANCELLED,
        name=ClaimEvent.Name.CANCELLED,
        actor=actor,
        now=now,
        from_states=CANCELLABLE_STATES,
        offered_until=None,
    )
    shred(subject=claim.code, now=now)


def change_address(*, code: str, address: PostalAddress, actor: str, now: datetime) -> Claim:
    """Change the address within the same country (another country needs another decision).

    Raises: UnknownClaim. TooLate: the label is being bought, the claim is closed, or the country differs.
            BadRequest: keys are not sent to that part of the country, or the address lacks something that
            its region or the label needs.
    """
    with transaction.atomic(durable=True):
        return change_address_in_transaction(code=code, address=address, actor=actor, now=now)


def change_address_in_transaction(*, code: str, address: PostalAddress, actor: str, now: datetime) -> Claim:
    """`change_address` as part of the caller's transaction."""
    claim = _locked(code)
    if claim.label_started_at is not None or claim.state not in CANCELLABLE_STATES:
        raise TooLate(code)
    if address.country != claim.country:
        raise TooLate(code)
    address = fit_to_region(address, region=address_region(address, now=now))
    store_address(subject=code, address=address, now=now, scope=claim.campaign.slug)
    _note_address(claim, actor=actor, now=now)
    for rest in open_backorders(claim).select_for_update(no_key=True):
        store_address(subject=rest.code, address=address, now=now)
        _note_address(rest, actor=actor, now=now)
    return claim


def _note_address(claim: Claim, *, actor: str, now: datetime) -> None:
    claim.updated_at = now
    claim.save(update_fields=["updated_at"])
    record_claim_event(claim, ClaimEvent.Name.ADDRESS_CHANGED, actor=actor, now=now, before=claim.state)


def confirm_receipt(*, code: str, actor: str, now: datetime) -> bool:
    """Record that the maintainer has received the keys; return whether that is new.

    Recorded as an event of its own, apart from the carrier's reports.
    Raises: UnknownClaim. NotSent: no parcel is on its way.
    Locks:  the claim's row.
    """
    with transaction.atomic(durable=True):
        claim = _locked(code)
        if claim.state not in ARRIVING_STATES:
            raise NotSent(code)
        if claim.events.filter(name=ClaimEvent.Name.RECEIVED).exists():
            return False
        record_claim_event(claim, ClaimEvent.Name.RECEIVED, actor=actor, now=now, before=claim.state)
    return True


def review_claim(*, code: str, approve: bool, note: str, reviewer: str, now: datetime) -> Claim:
    """Approve or reject a claim that the policy holds for review.

    Args:   note: the reason, shown to the maintainer when the claim is not approved.
    Raises: UnknownClaim. NotInReview.
    Locks:  the claim's row, then units.
    """
    with transaction.atomic():
        claim = _locked(code)
        if claim.state != ClaimState.IN_REVIEW:
            raise NotInReview(code)
        if approve:
            _approve(claim, note=note, reviewer=reviewer, now=now)
        else:
            _reject(claim, note=note, reviewer=reviewer, now=now)
    return claim


def _approve(claim: Claim, *, note: str, reviewer: str, now: datetime) -> None:
    wanted: Sequence[Wanted] = wanted_units(claim)
    rest: Sequence[Wanted] = ()
    among = offered_models(claim.campaign, country=claim.country, now=now).values()
    if claim.in_part:
        wanted, rest, state = reserve_some_or_wait(
            code=claim.code,
            campaign_id=claim.campaign_id,
            wanted=wanted,
            among=among,
            actor=reviewer,
            now=now,
        )
    else:
        state = reserve_or_wait(
            code=claim.code,
            campaign_id=claim.campaign_id,
            wanted=wanted,
            among=among,
            is_free=is_free(claim),
            actor=reviewer,
            now=now,
        )
    change_state(
        claim,
        to=state,
        name=ClaimEvent.Name.APPROVED,
        actor=reviewer,
        now=now,
        from_states={ClaimState.IN_REVIEW},
        data={"note": note},
        waitlisted_at=now if state == ClaimState.WAITLISTED else None,
        payment_due_at=payment_due_at(state, now),
    )
    if rest:
        _split_off_backorder(claim, rest, now=now)
    announce_claim(
        claim,
        quantity=sum(item.quantity for item in wanted),
        later=sum(item.quantity for item in rest),
        now=now,
    )


def _split_off_backorder(claim: Claim, rest: Sequence[Wanted], *, now: datetime) -> None:
    """Move the keys that are out of stock from the claim to a backorder on the waitlist."""
    for item in rest:
        line = claim.items.get(key_model_id=item.key_model_id)
        line.quantity -= item.quantity
        if line.quantity:
            line.save(update_fields=["quantity"])
        else:
            line.delete()
    address = open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor=WAITLIST, now=now)
    create_backorder(claim, rest, address=address, actor=WAITLIST, now=now)


def _reject(claim: Claim, *, note: str, reviewer: str, now: datetime) -> None:
    change_state(
        claim,
        to=ClaimState.REJECTED,
        name=ClaimEvent.Name.REJECTED,
        actor=reviewer,
        now=now,
        from_states={ClaimState.IN_REVIEW},
        data={"note": note},
    )
    shred(subject=claim.code, now=now)
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.REJECTED,
        claim_code=claim.code,
        context={"note": note},
        now=now,
        country=claim.country,
    )


def _locked(code: str) -> Claim:
    claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
    if claim is None:
        raise UnknownClaim(code)
    return claim
