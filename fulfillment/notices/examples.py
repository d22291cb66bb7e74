"""Example notices, one per template, for staff to preview emails and for tests."""

from fulfillment.notices import secrets
from fulfillment.notices.contexts import AmountContext, NoticeContext
from fulfillment.notices.models import Notice
from roster.models import Account

T = Notice.Template
_CLOSES: NoticeContext = {"closes_at": "2022-10-03T00:00:00+00:00"}
_PROJECTS: NoticeContext = {"projects": ["keystone-lib", "archway", "voussoir", "spandrel", "impost"]}
_MONEY: AmountContext = {"amount": 2900, "currency": "USD"}
CODE = "123456"
CLAIM_CODE = "C-0123456789AB"

CONTEXTS: dict[Notice.Template, NoticeContext] = {
    T.INVITATION: {**_PROJECTS, **_CLOSES, "quantity": 2, "sponsor": "Example Foundation"},
    T.REMINDER: {**_PROJECTS, **_CLOSES},
    T.NOW_ELIGIBLE: {**_CLOSES, "sponsor": "Example Foundation"},
    T.APPEAL_ANSWERED: {
        "granted": False,
        "answer": "Your role is only a week old. You can appeal in May.",
    },
    T.CONFIRMED: {"quantity": 1, "later": 1},
    T.WAITLISTED: {"place": 3},
    T.IN_REVIEW: {},
    T.PROMOTED: {"quantity": 1, "until": "2022-07-14T12:00:00+00:00"},
    T.REJECTED: {"note": "The account is shared by several people."},
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


def example_notice(template: Notice.Template, *, email: str = "maintainer@example.org") -> Notice:
    """An unsaved notice, to an account that does not exist."""
    return Notice(
        account=Account(pk=0, username="example", email=email),
        template=template,
        claim_code=CLAIM_CODE,
        context=CONTEXTS.get(template, {}),
        key=f"example:{template}",
        secret=secrets.encrypt_secret(CODE) if template == T.CODE else None,
    )
