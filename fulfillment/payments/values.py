"""Values passed to and returned by the payment vendor's client. Amounts are in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class OrderLine:
    """One line of the order, as shown to the payer."""

    name: str
    quantity: int
    unit_amount: int


@dataclass(frozen=True)
class Order:
    """An order: lines, claim and expiry time.

    Args: claim_code, payment_code: metadata of the session and of the payment intent, because later events
          name only the payment intent.
          email: prefilled on the vendor's page and used for its receipt; never logged.
          success_url: contains `{CHECKOUT_SESSION_ID}`, which the vendor fills in.
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
    """A checkout session in its current state at the vendor.

    Args: status: open, complete or expired. payment_status: paid, unpaid or no_payment_required.
          claim_code, payment_code: metadata of the session; claim_codes: from all metadata.
          url: the payment page; None once the session is complete or expired.
          is_refused: the session is complete, but the bank declined the payment afterwards.
          received: the amount received, None if none; may be in another currency than requested.
          refunded: the amount refunded; is_disputed: whether the charge is disputed.
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
        """Whether the payment was received, or none was required."""
        return self.status == "complete" and self.payment_status in ("paid", "no_payment_required")


@dataclass(frozen=True)
class VendorRefund:
    """A refund at the vendor. `refund_code` is our code, empty for manual refunds."""

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
    """A balance transaction of the vendor, in the settlement currency.

    Args: kind: the vendor's type: charge, refund, adjustment, …
          source_id: its charge, refund or dispute. net: amount minus fee.
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
    """A payment intent, named by events that do not name the session."""

    id: str
    payment_code: str
    claim_code: str
    is_live: bool


NOT_OPEN = "checkout_not_open"


ALREADY_REFUNDED = "charge_already_refunded"
