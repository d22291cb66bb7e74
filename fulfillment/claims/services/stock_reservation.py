"""Reserve keys for a claim, all or those in stock, or put the claim on the waitlist."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from fulfillment.claims import selectors
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from inventory.errors import InsufficientStock
from inventory.rules import Wanted
from inventory.services.reservations import lock_shortage, reserve, reserve_in_part


def wanted_units(claim: Claim) -> list[Wanted]:
    """The keys that the claim requests."""
    return [Wanted(item.key_model_id, item.quantity) for item in claim.items.all()]


def state_once_reserved(*, is_free: bool) -> ClaimState:
    """The state of a claim once its keys are held."""
    return ClaimState.ACCEPTED if is_free else ClaimState.AWAITING_PAYMENT


def reserve_some_or_wait(
    *,
    code: str,
    campaign_id: int,
    wanted: Sequence[Wanted],
    among: Collection[int],
    actor: str,
    now: datetime,
) -> tuple[Sequence[Wanted], Sequence[Wanted], ClaimState]:
    """Hold the keys in stock for a free claim. Returns: the keys held, the rest, and the claim's state."""
    held, rest = reserve_available(
        code=code, campaign_id=campaign_id, wanted=wanted, among=among, actor=actor, now=now
    )
    # With nothing in stock there is nothing to split: the whole claim waits.
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
    """Hold the units for a claim. Returns: its state, accepted or awaiting payment, or else waitlisted.

    A new claim waits behind others of the campaign that want the same keys, even if some have just become
    available: those are for the first on the waitlist.

    Args:  among: the key models that can be sent for "any": those the campaign offers.
    Locks: units; and on a shortage the stock-shortage lock until the transaction ends, so that units
           released meanwhile find this claim on the waitlist.
    """
    models = {item.key_model_id for item in wanted}
    if selectors.waitlist_wants(models, campaign_id=campaign_id):
        # `serve_waitlists` holds this lock too, so it has either finished or will see this claim.
        lock_shortage()
        if selectors.waitlist_wants(models, campaign_id=campaign_id):
            return ClaimState.WAITLISTED
    try:
        reserve(holder=code, wanted=wanted, among=among, actor=actor, now=now)
    except InsufficientStock:
        return ClaimState.WAITLISTED
    return state_once_reserved(is_free=is_free)


def reserve_available(
    *,
    code: str,
    campaign_id: int,
    wanted: Sequence[Wanted],
    among: Collection[int],
    actor: str,
    now: datetime,
) -> tuple[list[Wanted], list[Wanted]]:
    """Hold the keys in stock that no earlier claim waits for. Returns: the keys held, and the rest.

    Locks: units; and if there is a rest, the stock-shortage lock until the transaction ends, as
           `reserve_or_wait` does.
    """
    free = _nobody_waits_for(wanted, campaign_id=campaign_id)
    if len(free) < len(wanted):
        # `serve_waitlists` holds this lock too, so it has either finished or will see this claim.
        lock_shortage()
        free = _nobody_waits_for(wanted, campaign_id=campaign_id)
    left = Counter({item.key_model_id: item.quantity for item in wanted})
    if free:
        _, missing = reserve_in_part(holder=code, wanted=free, among=among, actor=actor, now=now)
        short = Counter({item.key_model_id: item.quantity for item in missing})
        left -= Counter({item.key_model_id: item.quantity for item in free})
        left += short
    held = Counter({item.key_model_id: item.quantity for item in wanted}) - left
    return _as_wanted(held), _as_wanted(left)


def _nobody_waits_for(wanted: Sequence[Wanted], *, campaign_id: int) -> list[Wanted]:
    return [
        item for item in wanted if not selectors.waitlist_wants({item.key_model_id}, campaign_id=campaign_id)
    ]


def _as_wanted(quantities: "Counter[int | None]") -> list[Wanted]:
    return [Wanted(model, quantity) for model, quantity in quantities.items()]
