"""One notice of every kind, with a context as its sender gives it."""

from datetime import datetime
from typing import Any

from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_code, queue_notice

T = Notice.Template
_CLOSES = {"closes_at": "2022-10-03T00:00:00+00:00"}
_PROJECTS = {"projects": ["keystone-lib", "archway", "voussoir", "spandrel", "impost"]}
_MONEY = {"amount": 2900, "currency": "USD"}
CODE = "123456"

CONTEXTS: dict[Notice.Template, dict[str, Any]] = {
    T.INVITATION: {**_PROJECTS, **_CLOSES, "quantity": 2, "sponsor": "Example Foundation"},
    T.REMINDER: {**_PROJECTS, **_CLOSES},
    T.NOW_ELIGIBLE: {**_CLOSES, "sponsor": "Example Foundation"},
    T.APPEAL_ANSWERED: {"granted": False, "answer": "The role is of last week; ask again in May."},
    T.CONFIRMED: {"quantity": 2},
    T.WAITLISTED: {"place": 3},
    T.IN_REVIEW: {},
    T.PROMOTED: {"quantity": 1, "until": "2022-07-14T12:00:00+00:00"},
    T.REJECTED: {"note": "Nobody's account."},
    T.CANCELLED: {},
    T.EXPIRED: {},
    T.RECALLED: {"place": 1},
    T.REPLACEMENT: {"quantity": 1},
    T.ASK_ADDRESS: {"quantity": 2},
    T.SHIPPED: {"carrier": "USPS", "tracking_code": "9400100000000000000001"},
    T.DELIVERED: {},
    T.PROBLEM: {"problem": "the parcel is on its way back to us"},
    T.PAYMENT_DUE: {"total": _MONEY, "until": "2022-07-13T12:00:00+00:00"},
    T.PAYMENT_RECEIVED: {"total": _MONEY},
    T.PAYMENT_LAPSED: {"money_may_come": True},
    T.REFUNDED: {"amount": _MONEY, "why": "the claim was cancelled"},
}


def queue_example(template: Notice.Template, *, account_id: int, claim_code: str, now: datetime) -> None:
    if template == T.CODE:
        queue_code(account_id=account_id, code=CODE, now=now)
        return
    queue_notice(
        account_id=account_id, template=template, claim_code=claim_code, context=CONTEXTS[template], now=now
    )
