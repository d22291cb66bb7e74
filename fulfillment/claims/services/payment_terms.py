"""Payment terms of a claim: whether it is free, and until when it is to be paid."""

from datetime import datetime, timedelta

from fulfillment.claims.models import Claim, ClaimEvent, ClaimQuote
from fulfillment.claims.rules import ClaimState
from fulfillment.notices.contexts import NoticeContext

# Checkout takes a payment for up to a day, so keys are held that long.
PAY_WITHIN = timedelta(hours=23)


def payment_due_at(state: ClaimState, now: datetime) -> datetime | None:
    """Until when the keys are held for a claim that comes to this state now."""
    return now + PAY_WITHIN if state == ClaimState.AWAITING_PAYMENT else None


def is_free(claim: Claim) -> bool:
    """Whether nothing is to be paid for it (any more). A claim in review or in line has its quote already.

    One that was paid and then lost its keys to a recall is in line again, and is not paid twice.
    """
    if not ClaimQuote.objects.filter(claim=claim).exists():
        return True
    return ClaimEvent.objects.filter(claim=claim, name=ClaimEvent.Name.PAID).exists()


def payment_due_context(claim: Claim) -> NoticeContext:
    """What the mail about a claim to be paid needs."""
    assert claim.payment_due_at is not None, "a claim to be paid has a deadline"
    quote = ClaimQuote.objects.get(claim=claim)
    return {
        "total": {"amount": quote.total, "currency": quote.currency},
        "until": claim.payment_due_at.isoformat(),
    }
