"""The protocol of the payment vendor, and its error. Amounts are minor units."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from common.errors import KeydeskError
from fulfillment.payments.values import BalanceEntry, Checkout, Money, Order, VendorDispute, VendorRefund
from fulfillment.vendor_failures import Failure


class PaymentGatewayError(KeydeskError):
    """A call that did not end as asked. Carries the vendor's code, never its text.

    `is_kept`: the vendor itself failed, and says so again for as long as the key of the call is good.

    Args: status: the HTTP status, when there was an answer.
    """

    code = "payment_gateway"

    def __init__(self, failure: Failure, code: str, *, status: int | None = None) -> None:
        self.failure = failure
        self.code = code[:80]
        self.status = status
        # A page without a code of the vendor's comes from something in between, which keeps no answers.
        self.is_kept = status is not None and status >= 500 and not code.startswith("HTTP.")
        answer = "no answer" if status is None else f"HTTP {status}"
        super().__init__(f"The payments vendor: {self.code} ({answer}, {failure.value}).")


class PaymentGateway(Protocol):
    """One vendor in one mode. Every method raises nothing but PaymentGatewayError."""

    @property
    def mode(self) -> str:
        """`test` or `live`; objects of two modes never mix."""
        ...

    def create_checkout(self, order: Order, *, key: str) -> Checkout:
        """Offer an order to be paid. The same key gives the same session."""
        ...

    def retrieve_checkout(self, session_id: str) -> Checkout: ...

    def expire_checkout(self, session_id: str) -> Checkout:
        """End an open session. Raises: NOT_OPEN: it is over already, perhaps because it was paid."""
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
        """All sessions made since then, newest first."""
        ...

    def list_entries(self, *, since: datetime) -> Iterator[BalanceEntry]:
        """The lines of the books since then, newest first."""
        ...

    def ensure_webhook(self, url: str) -> str | None:
        """Have the events we use sent to `url`; the secret when the endpoint is new, else None."""
        ...
