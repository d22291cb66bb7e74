"""Client for the control API of a running Stripe stand-in."""

from __future__ import annotations

from urllib.parse import quote

from sandbox.client import Control
from sandbox.vendor_json import Json


class StripeControl:
    """Client for the Stripe control API; each method sends one request.

    Args: control: of the stand-ins, whose clock this one shares.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def settings(self, **values: object) -> Json:
        """See `sandbox.stripe.settings`."""
        return self._post("/settings", values)

    def add_fault(self, kind: str, **values: object) -> Json:
        """See `sandbox.faults`; paths are below /v1."""
        return self._post("/faults", {"kind": kind, **values})

    def clear_faults(self) -> None:
        self._control.send("DELETE", "/stripe/faults")

    def state(self, mode: str = "test") -> Json:
        return dict(self._control.send("GET", "/stripe/state")["modes"][mode])

    def ledger(self) -> list[Json]:
        """Per charge: claim, payment, currency, amount, refunded, disputed, fees, net."""
        return list(self._control.send("GET", "/stripe/ledger")["charges"])

    def sessions(self) -> list[Json]:
        return list(self._control.send("GET", "/stripe/sessions")["sessions"])

    def events(self) -> list[Json]:
        return list(self._control.send("GET", "/stripe/events")["events"])

    def act(self, session_id: str, way: str) -> Json:
        """pay, decline, later or expire; then, for one that is paid later, succeed or fail."""
        return self._post(f"/sessions/{quote(session_id)}/{way}", {})

    def tamper(self, session_id: str, **changes: object) -> Json:
        return self._post(f"/sessions/{quote(session_id)}/tamper", changes)

    def refund(self, intent_id: str, *, amount: int | None = None) -> Json:
        """Create a refund, as by hand in the dashboard."""
        return self._post(f"/intents/{quote(intent_id)}/refund", {} if amount is None else {"amount": amount})

    def dispute(self, intent_id: str) -> Json:
        return self._post(f"/intents/{quote(intent_id)}/dispute", {})

    def close_dispute(self, dispute_id: str, status: str) -> Json:
        return self._post(f"/disputes/{quote(dispute_id)}/close", {"status": status})

    def fail_refund(self, refund_id: str) -> Json:
        return self._post(f"/refunds/{quote(refund_id)}/fail", {})

    def resend(self, event_id: str) -> Json:
        return self._post(f"/events/{quote(event_id)}/resend", {})

    def stranger(self, *, amount: int) -> Json:
        """Create a charge that belongs to no claim."""
        return self._post("/strangers", {"amount": amount})

    def forget(self, object_id: str) -> Json:
        return self._post("/forget", {"id": object_id})

    def copy(self, object_id: str) -> Json:
        return self._post("/forget", {"id": object_id, "copy": True})

    def change(self, object_id: str, **values: object) -> Json:
        return self._post("/forget", {"id": object_id, "set": values})

    def roll_secret(self, secret: str) -> None:
        self._post("/endpoints/roll", {"secret": secret})

    def _post(self, path: str, body: Json) -> Json:
        return self._control.send("POST", f"/stripe{path}", body)
