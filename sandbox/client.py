"""Client for the control API of a running stand-in."""

from __future__ import annotations

import http.client
import json
from datetime import datetime
from urllib.parse import quote, urlsplit

from sandbox.vendor_json import Json

# A long advance delivers thousands of webhooks before it answers.
TIMEOUT_SECONDS = 600


class ControlError(RuntimeError):
    """The stand-in refused a control request; the message gives the reason."""


class Control:
    """Client for the control API; each method sends one request.

    Args: url: where the stand-in is served, as `http://127.0.0.1:9000`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80

    def health(self) -> Json:
        return self.send("GET", "/health")

    def reset(self, *, now: datetime | None = None) -> Json:
        """Delete all objects and faults and restore the initial settings; `now` also sets a virtual clock."""
        return self.send("POST", "/reset", {} if now is None else {"now": now.isoformat()})

    def clock(self) -> Json:
        """`{"now", "virtual", "next_due", "due"}`."""
        return self.send("GET", "/clock")

    def set_clock(self, now: datetime) -> Json:
        return self.send("POST", "/clock", {"now": now.isoformat()})

    def advance_to(self, now: datetime) -> Json:
        """Advance to `now`; returns when all transitions until then are done and their webhooks delivered.

        Returns: the clock, and counts of this advance: `done`, `events`, `webhooks_delivered`,
            `webhooks_failed`, `webhooks_dropped`, `webhooks_given_up`.
        """
        return self.set_clock(now)

    def advance(self, seconds: float) -> Json:
        return self.send("POST", "/clock", {"advance_seconds": seconds})

    def settings(self, **values: object) -> Json:
        """Change settings and return all of them; see `sandbox.easypost.settings`."""
        return self.send("POST", "/settings", values)

    def add_fault(self, kind: str, **values: object) -> Json:
        """Add a fault; see `sandbox.faults`."""
        return self.send("POST", "/faults", {"kind": kind, **values})

    def faults(self) -> list[Json]:
        """The faults, each with how often it matched and was applied."""
        return list(self.send("GET", "/faults")["faults"])

    def clear_faults(self) -> None:
        self.send("DELETE", "/faults")

    def push(self, tracker: str, status: str, **values: object) -> Json:
        """Move a tracker to a status at once. `tracker`: its id, its shipment's id or its tracking code."""
        return self.send("POST", f"/trackers/{quote(tracker, safe='')}/push", {"status": status, **values})

    def state(self, mode: str = "test") -> Json:
        """Counts and amounts of one mode's account."""
        return dict(self.send("GET", "/state")["modes"][mode])

    def labels(self) -> list[Json]:
        """Every label bought so far: shipment, reference, tracking code, cost, refund and tracker status."""
        return list(self.send("GET", "/labels")["labels"])

    def send(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send a request to the control API. Raises: ControlError."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/_control{path}", content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: Json = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ControlError(f"{response.status}: {answer.get('error')}")
        return answer
