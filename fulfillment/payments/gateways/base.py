"""Protocol of the payment vendor's client, and the error it raises. Amounts are in minor units."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from common.errors import KeydeskError
from fulfillment.payments.values import BalanceEntry, Checkout, Money, Order, VendorDispute, VendorRefund
from fulfillment.vendor_failures import Failure


class PaymentGatewayError(KeydeskError):
    """A failed call to the vendor. Carries the vendor's code, never its text.

    `is_kept`: the vendor failed and will repeat this response while the idempotency key is valid.

    Args: status: the HTTP status, if there was a response.
    """

    code = "payment_gateway"

    def __init__(self, failure: Failure, code: str, *, status: int | None = None) -> None:
        self.failure = failure
        self.code = code[:80]
        self.status = status
        # A response without a vendor code comes from a proxy in between, which does not store responses.
        self.is_kept = status is not None and status >= 500 and not code.startswith("HTTP.")
        answer = "no answer" if status is None else f"HTTP {status}"
        super().__init__(f"The payments vendor: {self.code} ({answer}, {failure.value}).")


class PaymentGateway(Protocol):
    """Client of one vendor in one mode. Every method raises only PaymentGatewayError."""

    @property
    def mode(self) -> str:
        """`test` or `live`; objects of two modes must not be mixed."""
        ...

    def create_checkout(self, order: Order, *, key: str) -> Checkout:
        """Create a checkout session for an order. The same key gives the same session."""
        ...

    def retrieve_checkout(self, session_id: str) -> Checkout: ...

    def expire_checkout(self, session_id: str) -> Checkout:
        """Expire an open session. Raises: NOT_OPEN: it is complete or expired already."""
        ...

    def retrieve_money(self, payment_intent_id: str) -> Money: ...

    def create_refund(
        self, *, payment_intent_id: str, amount: int, refund_code: str, claim_code: str, key: str
    ) -> VendorRefund: ...

    def list_refunds(
        self, *, payment_intent_id: str | None = None, since: datetime | None = None
    ) -> Sequence[VendorRefund]: ...

    def list_disputes(
        self, *, payment_intent_id: str | None = None, since: datetime | None = None
    ) -> Sequence[VendorDispute]: ...

    def list_checkouts(self, *, since: datetime) -> Iterator[Checkout]:
        """All sessions created since then, newest first."""
        ...

    def list_entries(self, *, since: datetime) -> Iterator[BalanceEntry]:
        """The balance transactions since then, newest first."""
        ...

    def ensure_webhook(self, url: str) -> str | None:
        """Register `url` for the events we use; return the secret if the endpoint is new, else None."""
        ...
