"""The protocol of the carriers' vendor, and its error."""

from datetime import datetime, timedelta
from typing import Protocol

from common.errors import KeydeskError
from fulfillment.shipments.carrier_values import (
    BoughtLabel,
    BoughtPage,
    CreatedShipment,
    Customs,
    LabelFile,
    Parcel,
    Party,
    ShipmentStatus,
    TrackerState,
    Verification,
    WebhookState,
)
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vendor_failures import Failure


class GatewayError(KeydeskError):
    """A call that did not end as asked. Carries the vendor's code, never its text: that may hold an address.

    Args: status: the HTTP status, when there was an answer.
    """

    code = "gateway"

    def __init__(self, failure: Failure, code: str, *, status: int | None = None) -> None:
        self.failure = failure
        self.code = code[:80]
        self.status = status
        answer = "no answer" if status is None else f"HTTP {status}"
        super().__init__(f"The carriers' vendor: {self.code} ({answer}, {failure.value}).")


class CarrierGateway(Protocol):
    """One vendor in one mode. Every method makes one call and raises nothing but GatewayError."""

    @property
    def mode(self) -> str:
        """The vendor's mode that this gateway buys in; ids of two modes never mix."""
        ...

    @property
    def timeout(self) -> timedelta:
        """How long a call waits for its answer."""
        ...

    def create_shipment(
        self,
        *,
        to: Party,
        from_: Party,
        parcel: Parcel,
        customs: Customs | None,
        reference: str,
        is_return: bool = False,
    ) -> CreatedShipment:
        """Register a shipment and ask for rates. Costs nothing and may be repeated.

        Args: is_return: the label is for the way back; `to` and `from_` are still those of the way out.
        """
        ...

    def rerate(self, shipment_id: str) -> CreatedShipment:
        """Ask for new rates of the same shipment; all rate ids are new ones."""
        ...

    def buy(self, shipment_id: str, rate_id: str, *, insured_cents: int = 0) -> BoughtLabel:
        """Buy one label, and insurance with it. Any failure but those of `rules.purchases` leaves open
        whether it was bought."""
        ...

    def retrieve(self, shipment_id: str) -> ShipmentStatus: ...

    def fetch_label(self, url: str) -> LabelFile: ...

    def retrieve_tracker(self, tracker_id: str) -> TrackerState: ...

    def list_bought(self, *, since: datetime, before_id: str = "") -> BoughtPage:
        """One page of all shipments bought since then, by whomever, newest first.

        Args: before_id: the last one of the page before.
        """
        ...

    def request_refund(self, shipment_id: str) -> str:
        """Ask for the money back; the refund's status, which is rarely final yet."""
        ...

    def webhook_state(self, url: str) -> WebhookState:
        """Whether the vendor sends its events there."""
        ...

    def ensure_webhook(self, url: str, secret: str) -> str:
        """Have events sent to `url`, signed with `secret`; enables it again if it was disabled. Its id."""
        ...


class AddressVerifier(Protocol):
    """Who is asked whether an address can be delivered to. Never raises: no answer is an answer."""

    def verify_address(self, address: PostalAddress) -> Verification: ...
