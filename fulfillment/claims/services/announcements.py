"""Notices and jobs that follow from a claim's new state."""

from datetime import datetime

from config.jobs import defer
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.claims.models import Claim
from fulfillment.claims.pricing import payment_due_context
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.selectors import waitlist_place
from fulfillment.notices.contexts import NoticeContext
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice


def announce_claim(claim: Claim, *, quantity: int, now: datetime, later: int = 0) -> None:
    """Notify the maintainer of the claim's state, and request the parcel once the claim is accepted.

    Args: later: the keys of its backorder.
    """
    context: NoticeContext = {}
    if claim.state == ClaimState.ACCEPTED:
        template, context = Notice.Template.CONFIRMED, {"quantity": quantity}
        if later:
            context["later"] = later
        defer(SHIP_CLAIM, claim_id=claim.pk)
    elif claim.state == ClaimState.WAITLISTED:
        template, context = Notice.Template.WAITLISTED, {"place": waitlist_place(claim)}
    elif claim.state == ClaimState.AWAITING_PAYMENT:
        template, context = Notice.Template.PAYMENT_DUE, payment_due_context(claim)
    else:
        template = Notice.Template.IN_REVIEW
    queue_notice(
        account_id=claim.account_id, template=template, claim_code=claim.code, context=context, now=now
    )
