"""Plain values that the payment vendor is given and answers with. Amounts are minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class OrderLine:
    """One line of the bill as the payer reads it."""

    name: str
    quantity: int
    unit_amount: int


@dataclass(frozen=True)
class Order:
    """What is to be paid, for which claim, and by when.

    Args: claim_code, payment_code: stand on the session and on the money itself, for the vendor's later
          events name the money only.
          email: prefilled on the vendor's page and used for its receipt; never logged.
          success_url: holds `{CHECKOUT_SESSION_ID}`, which the vendor fills in.
    """

    claim_code: str
    payment_code: str
    currency: str
    tax_behavior: str
    lines: Sequence[OrderLine]
    expires_at: datetime
    success_url: str
    cancel_url: str
    email: str = field(repr=False)

    @property
    def total(self) -> int:
        return sum(line.quantity * line.unit_amount for line in self.lines)


@dataclass(frozen=True)
class Checkout:
    """A checkout session as the vendor has it now.

    Args: status: open, complete or expired. payment_status: paid, unpaid or no_payment_required.
          claim_code, payment_code: as they stand on the session; claim_codes: all the places it stands.
          url: where the payer pays; None once it is over.
          is_refused: it is complete, and the bank has said no to it since.
          received: what was taken, None while nothing was; it may be of another currency than asked.
          refunded: how much of it went back; is_disputed: whether the payer's bank asks for it.
    """

    id: str
    status: str
    payment_status: str
    amount: int | None
    currency: str
    claim_codes: frozenset[str]
    payment_code: str
    is_live: bool
    url: str | None = field(repr=False)
    created_at: datetime
    expires_at: datetime
    payment_intent_id: str | None = None
    charge_id: str | None = None
    is_refused: bool = False
    received: int | None = None
    refunded: int = 0
    is_disputed: bool = False

    @property
    def is_paid(self) -> bool:
        """Whether money arrived, or none was needed."""
        return self.status == "complete" and self.payment_status in ("paid", "no_payment_required")


@dataclass(frozen=True)
class VendorRefund:
    """A refund as the vendor has it. `refund_code` is ours, empty on one made by hand."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str
    refund_code: str
    created_at: datetime
    failure: str = ""


@dataclass(frozen=True)
class VendorDispute:
    id: str
    status: str
    reason: str
    amount: int
    currency: str
    payment_intent_id: str
    created_at: datetime
    due_by: datetime | None


@dataclass(frozen=True)
class BalanceEntry:
    """One line of the vendor's books (a balance transaction), in the currency it settles in.

    Args: kind: the vendor's type: charge, refund, adjustment, …
          source_id: the charge, refund or dispute it is of. net: amount minus fee.
    """

    id: str
    kind: str
    category: str
    source_id: str
    amount: int
    fee: int
    net: int
    currency: str
    exchange_rate: str
    created_at: datetime
    available_at: datetime


@dataclass(frozen=True)
class Money:
    """A payment intent: what an event names when it does not name the session."""

    id: str
    payment_code: str
    claim_code: str
    is_live: bool


NOT_OPEN = "checkout_not_open"


ALREADY_REFUNDED = "charge_already_refunded"
