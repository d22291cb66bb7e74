"""Submit a claim: lock, decide, reserve, store the address, notify the maintainer, request the parcel."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from common.public_ids import new_code
from fulfillment.claims import eligibility, selectors
from fulfillment.claims.errors import AlreadyClaimed, Ineligible, UnknownMaintainer
from fulfillment.claims.models import Campaign, Claim, ClaimEvent, ClaimItem
from fulfillment.claims.pricing import payment_due_at, store_quote
from fulfillment.claims.requests import ClaimRequest, ClaimTerms, validate_request
from fulfillment.claims.rules import ClaimState, WantedItem
from fulfillment.claims.rules.quotes import Quote
from fulfillment.claims.services.announcements import announce_claim
from fulfillment.claims.services.backorders import create_backorder
from fulfillment.claims.services.stock_reservation import reserve_or_wait, reserve_some_or_wait
from fulfillment.claims.services.transitions import record_claim_event
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import store_address
from inventory.rules import Wanted
from roster.models import Decision as StoredDecision
from roster.selectors import current_snapshots, lock_account_named
from roster.services.decisions import record_decision


def submit_claim(
    *,
    campaign: Campaign,
    username: str,
    items: Sequence[WantedItem],
    address: PostalAddress,
    actor: str,
    now: datetime,
    service: str = "standard",
    agreed: Quote | None = None,
    terms: ClaimTerms | None = None,
    in_part: bool = False,
) -> Claim:
    """Claim keys for a maintainer: accepted, in review, or on the waitlist when stock is short.

    A claim that costs something awaits payment where a free one would be accepted: its keys are held until
    `payment_due_at`, and payments continues from there.

    Args:    items: empty requests a full allotment of whatever is in stock.
             agreed: the quote that the person was shown; None accepts the current price.
             terms: those of the address, where the caller has them already.
             in_part: when stock is short, send what is available; the rest becomes a backorder. Not for paid
             claims, whose price is for the whole claim.
    Raises:  BadRequest: a key model, quantity or service that cannot be claimed, or an address that lacks
             something its region or the label needs.
             PriceChanged: the price is not the agreed one; carries the new quote.
             UnknownMaintainer: the account is not on the roster.
             AlreadyClaimed: carries the live claim's code.
             Ineligible: carries the decision, which is stored.
    Locks:   the maintainer's roster row, so that one person's claims are made one by one; then units.
    After commit: the notice is emailed, and an accepted claim becomes a parcel.
    """
    request = validate_request(
        campaign=campaign,
        items=items,
        address=address,
        service=service,
        agreed=agreed,
        terms=terms,
        in_part=in_part,
        now=now,
    )
    with transaction.atomic(durable=True):
        account = lock_account_named(username)
        if account is None:
            raise UnknownMaintainer(username)
        live = selectors.live_claim(campaign=campaign, account=account)
        if live is not None:
            raise AlreadyClaimed(live.code)
        snapshots = current_snapshots()
        explained = eligibility.explain(
            account=account,
            campaign=campaign,
            country=request.address.country,
            now=now,
            region=request.terms.region,
            address=request.address,
            live_claims=0,
            snapshots=snapshots,
        )
        decision = record_decision(
            account=account,
            policy=campaign.policy,
            decision=explained.decision,
            facts=explained.facts,
            now=now,
            campaign=campaign.slug,
            snapshots=snapshots,
        )
        if explained.decision.outcome != "ineligible":
            return _create(request, decision=decision, actor=actor, now=now)
    # The refusal is raised outside the transaction, because the decision must be kept.
    raise Ineligible(explained.decision)


def _create(request: ClaimRequest, *, decision: StoredDecision, actor: str, now: datetime) -> Claim:
    code = new_code("C")
    offered = request.terms.offered
    wanted: Sequence[Wanted] = [Wanted(offered.get(item.sku or ""), item.quantity) for item in request.items]
    rest: Sequence[Wanted] = ()
    if decision.outcome == StoredDecision.Outcome.REVIEW:
        state = ClaimState.IN_REVIEW
    elif request.in_part:
        wanted, rest, state = reserve_some_or_wait(
            code=code,
            campaign_id=request.campaign.pk,
            wanted=wanted,
            among=offered.values(),
            actor=actor,
            now=now,
        )
    else:
        state = reserve_or_wait(
            code=code,
            campaign_id=request.campaign.pk,
            wanted=wanted,
            among=offered.values(),
            is_free=request.quote.is_free,
            actor=actor,
            now=now,
        )
    claim = Claim.objects.create(
        code=code,
        campaign=request.campaign,
        account_id=decision.account_id,
        decision=decision,
        state=state,
        in_part=request.in_part,
        country=request.address.country,
        service=request.service,
        created_at=now,
        updated_at=now,
        waitlisted_at=now if state == ClaimState.WAITLISTED else None,
        payment_due_at=payment_due_at(state, now),
    )
    if not request.quote.is_free:
        store_quote(request.quote, claim=claim, now=now)
    ClaimItem.objects.bulk_create(ClaimItem(claim=claim, **item._asdict()) for item in wanted)
    store_address(subject=code, address=request.address, now=now, scope=request.campaign.slug)
    record_claim_event(claim, ClaimEvent.Name(state), actor=actor, now=now)
    if rest:
        create_backorder(claim, rest, address=request.address, actor=actor, now=now)
    announce_claim(claim, quantity=_keys(wanted), later=_keys(rest), now=now)
    return claim


def _keys(wanted: Sequence[Wanted]) -> int:
    return sum(item.quantity for item in wanted)
