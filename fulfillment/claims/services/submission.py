"""A maintainer claims their keys: lock, decide, reserve, seal the address, tell them, ask for the parcel."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from common.errors import BadRequest, FieldError
from common.public_ids import new_code
from config.jobs import defer
from fulfillment.claims import selectors
from fulfillment.claims.campaigns.regions import fitted
from fulfillment.claims.errors import AlreadyClaimed, Ineligible, PriceChanged, UnknownMaintainer
from fulfillment.claims.models import Campaign, Claim, ClaimEvent, ClaimItem
from fulfillment.claims.pricing import freeze, most_keys, quote_for
from fulfillment.claims.quotes import Quote
from fulfillment.claims.rules import ClaimState, WantedItem, check_items
from fulfillment.claims.services.backorders import reserve_what_there_is, wait_for_rest
from fulfillment.claims.services.payment_callbacks import (
    payment_due_at,
    payment_due_context,
    state_once_reserved,
)
from fulfillment.claims.services.transitions import record_transition
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import seal_address
from inventory.errors import InsufficientStock
from inventory.rules import Wanted
from inventory.services.reservations import lock_shortage, reserve
from roster.models import Decision as StoredDecision
from roster.selectors import current_snapshots, lock_account_named
from roster.services.decisions import record_decision

_NOT_IN_PART = FieldError(
    "in_part", "to_be_paid", "A claim that is to be paid is sent whole. Leave the paid extras out, or wait."
)
# The job that makes a parcel of an accepted claim stands in the room above this one.
SHIP_CLAIM = "shipping.ship_claim"


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
    terms: selectors.ClaimTerms | None = None,
    in_part: bool = False,
) -> Claim:
    """Claim keys for a maintainer: accepted, in review, or on the waitlist when stock is short.

    One that costs something is awaiting payment where a free one would be accepted: its keys are held
    until `payment_due_at`, and the payments room takes it from there.

    Args:    items: empty asks for a full allotment of whatever is in stock.
             agreed: the quote the person was shown; None takes whatever it costs now.
             terms: those of the address, where the caller has asked already.
             in_part: when stock is short, take what there is now; the rest waits as a claim of its own. Not
             for one that is to be paid: its price is for all of it.
    Raises:  BadRequest: a key model, quantity or service that cannot be claimed, or an address that lacks
             what its region or the label needs.
             PriceChanged: it costs something else than was agreed; carries the new quote.
             UnknownMaintainer: nobody of that name on the roster.
             AlreadyClaimed: carries the live claim's code.
             Ineligible: carries the decision, which is stored.
    Locks:   the maintainer's roster row, so that two claims of one person queue up; then units.
    After commit: the notice is mailed, and an accepted claim becomes a parcel.
    """
    wanted = list(items) or [WantedItem(sku=None, quantity=campaign.per_claim)]
    terms = terms or selectors.claim_terms(campaign, address=address, now=now)
    region, offered = terms.region, terms.offered
    if problems := check_items(
        wanted, per_claim=most_keys(campaign, wanted, now), offered_skus=sorted(offered)
    ):
        raise BadRequest(problems)
    # Before the price: nothing is sold to where nothing goes.
    address = fitted(address, region=region)
    quote = quote_for(
        campaign=campaign, items=wanted, country=address.country, service=service, now=now, region=region
    )
    if agreed is not None and (agreed.total, agreed.currency) != (quote.total, quote.currency):
        raise PriceChanged(quote)
    if in_part and not quote.is_free:
        raise BadRequest([_NOT_IN_PART])
    with transaction.atomic(durable=True):
        account = lock_account_named(username)
        if account is None:
            raise UnknownMaintainer(username)
        live = selectors.live_claim(campaign=campaign, account=account)
        if live is not None:
            raise AlreadyClaimed(live.code)
        snapshots = current_snapshots()
        explained = selectors.explain(
            account=account,
            campaign=campaign,
            country=address.country,
            now=now,
            region=region,
            address=address,
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
            return _create(
                campaign=campaign,
                decision=decision,
                wanted=[Wanted(offered.get(item.sku or ""), item.quantity) for item in wanted],
                among=offered.values(),
                address=address,
                service=service,
                quote=quote,
                in_part=in_part,
                actor=actor,
                now=now,
            )
    # The refusal is raised outside the transaction, for the decision must stay.
    raise Ineligible(explained.decision)


def _create(
    *,
    campaign: Campaign,
    decision: StoredDecision,
    wanted: Sequence[Wanted],
    among: Collection[int],
    address: PostalAddress,
    service: str,
    quote: Quote,
    in_part: bool,
    actor: str,
    now: datetime,
) -> Claim:
    code = new_code("C")
    rest: Sequence[Wanted] = ()
    if decision.outcome == StoredDecision.Outcome.REVIEW:
        state = ClaimState.IN_REVIEW
    elif in_part:
        wanted, rest, state = reserve_part_or_wait(
            code=code, campaign_id=campaign.pk, wanted=wanted, among=among, actor=actor, now=now
        )
    else:
        state = reserve_or_wait(
            code=code,
            campaign_id=campaign.pk,
            wanted=wanted,
            among=among,
            is_free=quote.is_free,
            actor=actor,
            now=now,
        )
    claim = Claim.objects.create(
        code=code,
        campaign=campaign,
        account_id=decision.account_id,
        decision=decision,
        state=state,
        in_part=in_part,
        country=address.country,
        service=service,
        created_at=now,
        updated_at=now,
        waitlisted_at=now if state == ClaimState.WAITLISTED else None,
        payment_due_at=payment_due_at(state, now),
    )
    if not quote.is_free:
        freeze(quote, claim=claim, now=now)
    ClaimItem.objects.bulk_create(ClaimItem(claim=claim, **item._asdict()) for item in wanted)
    seal_address(subject=code, address=address, now=now, scope=campaign.slug)
    record_transition(claim, ClaimEvent.Name(state), actor=actor, now=now)
    if rest:
        wait_for_rest(claim, rest, address=address, actor=actor, now=now)
    announce_claim(claim, quantity=_keys(wanted), later=_keys(rest), now=now)
    return claim


def _keys(wanted: Sequence[Wanted]) -> int:
    return sum(item.quantity for item in wanted)


def reserve_part_or_wait(
    *,
    code: str,
    campaign_id: int,
    wanted: Sequence[Wanted],
    among: Collection[int],
    actor: str,
    now: datetime,
) -> tuple[Sequence[Wanted], Sequence[Wanted], ClaimState]:
    """Hold what there is for a free claim. Returns: what it is for now, what is to come later, its state."""
    held, rest = reserve_what_there_is(
        code=code, campaign_id=campaign_id, wanted=wanted, among=among, actor=actor, now=now
    )
    # With nothing in stock there are not two parcels to come: the claim itself waits.
    return (held, rest, ClaimState.ACCEPTED) if held else (wanted, (), ClaimState.WAITLISTED)


def reserve_or_wait(
    *,
    code: str,
    campaign_id: int,
    wanted: Sequence[Wanted],
    among: Collection[int],
    is_free: bool,
    actor: str,
    now: datetime,
) -> ClaimState:
    """Hold the units for a claim and call it accepted, or awaiting payment, or else waitlisted.

    Who comes while others of the campaign wait for the same keys waits behind them, even if some have just
    come free: those are for the first in line.

    Args:  among: the key models that "any" may become: those the campaign gives out.
    Locks: units; and on a shortage the stock-shortage lock until the transaction ends, so that units which
           come free meanwhile find this claim already in line.
    """
    models = {item.key_model_id for item in wanted}
    if selectors.are_in_line_for(models, campaign_id=campaign_id):
        # Whoever serves the line holds this: either they are done now, or they will find this claim in it.
        lock_shortage()
        if selectors.are_in_line_for(models, campaign_id=campaign_id):
            return ClaimState.WAITLISTED
    try:
        reserve(holder=code, wanted=wanted, among=among, actor=actor, now=now)
    except InsufficientStock:
        return ClaimState.WAITLISTED
    return state_once_reserved(is_free=is_free)


def announce_claim(claim: Claim, *, quantity: int, now: datetime, later: int = 0) -> None:
    """Tell the maintainer where the claim stands, and ask for the parcel once it is accepted.

    Args: later: keys that follow in another parcel, as soon as there are any.
    """
    context: dict[str, Any] = {}
    if claim.state == ClaimState.ACCEPTED:
        template, context = Notice.Template.CONFIRMED, {"quantity": quantity}
        if later:
            context["later"] = later
        defer(SHIP_CLAIM, claim_id=claim.pk)
    elif claim.state == ClaimState.WAITLISTED:
        template, context = Notice.Template.WAITLISTED, {"place": selectors.place_in_line(claim)}
    elif claim.state == ClaimState.AWAITING_PAYMENT:
        template, context = Notice.Template.PAYMENT_DUE, payment_due_context(claim)
    else:
        template = Notice.Template.IN_REVIEW
    queue_notice(
        account_id=claim.account_id, template=template, claim_code=claim.code, context=context, now=now
    )


def wanted_by(claim: Claim) -> list[Wanted]:
    """What the claim asks for."""
    return [Wanted(item.key_model_id, item.quantity) for item in claim.items.all()]
