"""One notice of every kind as its sender gives it: to show staff what maintainers read, and for tests."""

from typing import Any

from fulfillment.notices import secrets
from fulfillment.notices.models import Notice
from roster.models import Account

T = Notice.Template
_CLOSES = {"closes_at": "2022-10-03T00:00:00+00:00"}
_PROJECTS = {"projects": ["keystone-lib", "archway", "voussoir", "spandrel", "impost"]}
_MONEY = {"amount": 2900, "currency": "USD"}
CODE = "123456"
CLAIM_CODE = "C-0123456789AB"

CONTEXTS: dict[Notice.Template, dict[str, Any]] = {
    T.INVITATION: {**_PROJECTS, **_CLOSES, "quantity": 2, "sponsor": "Example Foundation"},
    T.REMINDER: {**_PROJECTS, **_CLOSES},
    T.NOW_ELIGIBLE: {**_CLOSES, "sponsor": "Example Foundation"},
    T.APPEAL_ANSWERED: {"granted": False, "answer": "The role is of last week; ask again in May."},
    T.CONFIRMED: {"quantity": 1, "later": 1},
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
    T.RETURN_LABEL: {"carrier": "USPS", "until": "2022-08-07T12:00:00+00:00"},
    T.PAYMENT_DUE: {"total": _MONEY, "until": "2022-07-13T12:00:00+00:00"},
    T.PAYMENT_RECEIVED: {"total": _MONEY},
    T.PAYMENT_LAPSED: {"money_may_come": True},
    T.REFUNDED: {"amount": _MONEY, "why": "the claim was cancelled"},
}


def example(template: Notice.Template, *, email: str = "maintainer@example.org") -> Notice:
    """A notice that nobody is ever sent: of nobody on the roster, kept nowhere."""
    return Notice(
        account=Account(pk=0, username="example", email=email),
        template=template,
        claim_code=CLAIM_CODE,
        context=CONTEXTS.get(template, {}),
        key=f"example:{template}",
        secret=secrets.seal_secret(CODE) if template == T.CODE else None,
    )
