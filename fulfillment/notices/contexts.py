"""The values used in the texts of notices.

Times are ISO 8601. Contexts are stored with their notices, so they contain no address or phone number.
"""

from collections.abc import Sequence
from typing import TypedDict


class AmountContext(TypedDict):
    """An amount of money. `amount` is in minor units of the currency."""

    amount: int
    currency: str


class NoticeContext(TypedDict, total=False):
    """The values stored with a notice. Each function in `messages` names those that its template reads."""

    amount: AmountContext
    answer: str
    carrier: str
    closes_at: str
    granted: bool
    later: int
    money_may_come: bool
    note: str
    place: int | None
    problem: str
    projects: Sequence[str]
    quantity: int
    sponsor: str
    total: AmountContext
    tracking_code: str
    until: str
    why: str


class MessageContext(NoticeContext, total=False):
    """The stored values, and those known when the email is written. `code` is stored in no context."""

    claim_code: str
    username: str
    host: str
    code: str
