"""The pure decisions about claims: which state may follow which, and what a claim may ask for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from common.choices import Choices
from common.errors import FieldError
from common.translatable import gettext_noop as _


class ClaimState(Choices):
    WAITLISTED = "waitlisted", _("waiting for a key")
    IN_REVIEW = "in_review", _("being looked at by a person")
    AWAITING_PAYMENT = "awaiting_payment", _("waiting for payment")
    ACCEPTED = "accepted", _("accepted, keys reserved")
    SHIPPED = "shipped", _("with the carrier")
    DELIVERED = "delivered", _("delivered")
    CANCELLED = "cancelled", _("cancelled")
    REJECTED = "rejected", _("not approved")
    EXPIRED = "expired", _("expired")
    RETURNED = "returned", _("came back to us")


_S = ClaimState

# Which state may follow which. The database refuses every other step (the FSM trigger of Claim).
# Carriers take back what they said, so delivered may become shipped again and anything sent may return.
TRANSITIONS: Mapping[ClaimState, frozenset[ClaimState]] = {
    _S.WAITLISTED: frozenset({_S.ACCEPTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.CANCELLED, _S.EXPIRED}),
    _S.IN_REVIEW: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.AWAITING_PAYMENT, _S.REJECTED, _S.CANCELLED}),
    _S.AWAITING_PAYMENT: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.CANCELLED, _S.EXPIRED}),
    # Back in line: a recall took its keys, and there were no others.
    _S.ACCEPTED: frozenset({_S.SHIPPED, _S.CANCELLED, _S.WAITLISTED}),
    _S.SHIPPED: frozenset({_S.DELIVERED, _S.RETURNED}),
    _S.DELIVERED: frozenset({_S.SHIPPED, _S.RETURNED}),
    _S.RETURNED: frozenset({_S.SHIPPED}),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    # Paid after all, when there are still keys.
    _S.EXPIRED: frozenset({_S.ACCEPTED}),
}

# A maintainer has at most one claim in these per campaign (I3): all that were not turned down or given up.
LIVE_STATES = frozenset(
    {
        _S.WAITLISTED,
        _S.IN_REVIEW,
        _S.AWAITING_PAYMENT,
        _S.ACCEPTED,
        _S.SHIPPED,
        _S.DELIVERED,
    }
)
# Units are held for a claim in these.
HOLDING_STATES = frozenset({_S.AWAITING_PAYMENT, _S.ACCEPTED, _S.SHIPPED, _S.DELIVERED, _S.RETURNED})
# The maintainer may say that the parcel is there, or that it is not.
ARRIVING_STATES = frozenset({_S.SHIPPED, _S.DELIVERED})
# Nothing has been handed to a carrier yet, so the claimant may still change their mind.
CANCELLABLE_STATES = frozenset({_S.WAITLISTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.ACCEPTED})
# These end by themselves when their time is over.
EXPIRING_STATES = frozenset(state for state, after in TRANSITIONS.items() if _S.EXPIRED in after)


def competes(wanted: Collection[int | None], others: Collection[int | None]) -> bool:
    """Whether two requests want the same keys, by the key models they name; None is any model."""
    if None in wanted or None in others:
        return bool(wanted) and bool(others)
    return not set(wanted).isdisjoint(others)


@dataclass(frozen=True)
class WantedItem:
    """So many keys of one model; `sku` None means any model in stock."""

    sku: str | None
    quantity: int


def check_items(
    items: Sequence[WantedItem], *, per_claim: int, offered_skus: Sequence[str]
) -> list[FieldError]:
    """What is wrong with the keys a claim asks for; empty when nothing is.

    Args: per_claim: the most keys a claim may hold. offered_skus: what the campaign gives out there.
    """
    problems = []
    for number, item in enumerate(items):
        if item.sku is not None and item.sku not in offered_skus:
            problems.append(
                FieldError(
                    f"items.{number}.sku",
                    "unknown_sku",
                    f"Key model {item.sku!r} is not given out, or not to this country. "
                    f"Choose of {', '.join(offered_skus)}.",
                )
            )
        if item.quantity < 1:
            problems.append(
                FieldError(
                    f"items.{number}.quantity", "too_small", "Ask for at least one key, or leave it out."
                )
            )
    total = sum(item.quantity for item in items if item.quantity > 0)
    if total > per_claim:
        problems.append(
            FieldError(
                "items", "too_many", f"A claim holds up to {per_claim} keys; this one asks for {total}."
            )
        )
    skus = [item.sku for item in items]
    if len(set(skus)) != len(skus):
        problems.append(FieldError("items", "repeated_sku", "Name each key model once, with its quantity."))
    return problems
