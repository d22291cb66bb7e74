"""Protocol of the shipping vendor's client, and the error it raises."""

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
    """A failed call to the vendor. Carries the vendor's code, never its text, which may contain an address.

    Args: status: the HTTP status, if there was a response.
    """

    code = "gateway"

    def __init__(self, failure: Failure, code: str, *, status: int | None = None) -> None:
        self.failure = failure
        self.code = code[:80]
        self.status = status
        answer = "no answer" if status is None else f"HTTP {status}"
        super().__init__(f"The carriers' vendor: {self.code} ({answer}, {failure.value}).")


class CarrierGateway(Protocol):
    """Client of one vendor in one mode. Every method makes one call and raises only GatewayError."""

    @property
    def mode(self) -> str:
        """The vendor mode (test or production) of this client; ids of two modes must not be mixed."""
        ...

    @property
    def timeout(self) -> timedelta:
        """How long a call waits for a response."""
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
        """Register a shipment and request rates. Free of charge; safe to repeat.

        Args: is_return: the label is a return label; `to` and `from_` are still those of the outbound parcel.
        """
        ...

    def rerate(self, shipment_id: str) -> CreatedShipment:
        """Request new rates for the same shipment; all rate ids change."""
        ...

    def buy(self, shipment_id: str, rate_id: str, *, insured_cents: int = 0) -> BoughtLabel:
        """Buy one label, with insurance if requested.

        After any failure not listed in `rules.purchases`, the label may or may not have been bought.
        """
        ...

    def retrieve(self, shipment_id: str) -> ShipmentStatus: ...

    def fetch_label(self, url: str) -> LabelFile: ...

    def retrieve_tracker(self, tracker_id: str) -> TrackerState: ...

    def list_bought(self, *, since: datetime, before_id: str = "") -> BoughtPage:
        """One page of all shipments bought since then in this account, newest first.

        Args: before_id: the last id of the previous page.
        """
        ...

    def request_refund(self, shipment_id: str) -> str:
        """Request a refund; return its status, which is rarely final yet."""
        ...

    def webhook_state(self, url: str) -> WebhookState:
        """Whether the vendor sends its events to this URL."""
        ...

    def ensure_webhook(self, url: str, secret: str) -> str:
        """Register `url` for events signed with `secret`, or enable it again; return the webhook's id."""
        ...


class AddressVerifier(Protocol):
    """Check whether an address is deliverable. Never raises; without a response the finding is NOT_ASKED."""

    def verify_address(self, address: PostalAddress) -> Verification: ...
