"""A stand-in in a process of its own, the real client, and a receiver of webhooks.

Nothing here touches Django: the stand-in is reached over HTTP only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.client import Control
from sandbox.server import Sandbox
from tests.sandbox.vendor import EasyPostClient

START = datetime(2026, 1, 5, 12, tzinfo=UTC)

DESK = {
    "company": "Keydesk",
    "street1": "388 Townsend St",
    "street2": "Apt 20",
    "city": "San Francisco",
    "state": "CA",
    "zip": "94107",
    "country": "US",
    "phone": "5555555555",
    "email": "desk@example.org",
}
NEIGHBOUR = {
    "name": "Ada Example",
    "street1": "179 N Harbor Dr",
    "city": "Redondo Beach",
    "state": "CA",
    "zip": "90277",
    "country": "US",
}
ABROAD = {
    "name": "Bea Example",
    "street1": "Musterstrasse 1",
    "city": "Berlin",
    "zip": "10115",
    "country": "DE",
    "phone": "+49 30 555555",
}
CUSTOMS = {
    "contents_type": "merchandise",
    "customs_certify": True,
    "customs_signer": "Keydesk",
    "eel_pfc": "NOEEI 30.37(a)",
    "customs_items": [
        {
            "description": "USB security key",
            "quantity": 2,
            "value": 58,
            "weight": 1.6,
            "hs_tariff_number": "847180",
            "origin_country": "US",
        }
    ],
}
PARCEL = {"length": 7, "width": 5, "height": 1, "weight": 4.2}


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    with Sandbox(start_at=START, webhook_timeout_seconds=2.0) as running:
        yield running


@pytest.fixture
def stand_in(server: Sandbox) -> Sandbox:
    """The stand-in, empty, at noon of 5 January 2026."""
    server.control.reset(now=START)
    return server


@pytest.fixture
def control(stand_in: Sandbox) -> Control:
    return stand_in.control


@pytest.fixture
def connect(stand_in: Sandbox) -> Iterator[Callable[..., Any]]:
    """Makes real clients and closes their connections afterwards."""
    made: list[Any] = []

    def connect(api_key: str = "EZTKtests", *, timeout: Any = 10) -> Any:
        client = EasyPostClient(api_key, api_base=stand_in.easypost_url, timeout=timeout)
        client._requests_session.trust_env = False
        made.append(client)
        return client

    yield connect
    for client in made:
        client._requests_session.close()


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    return connect()


@pytest.fixture
def quoted(client: Any) -> Callable[..., Any]:
    """Creates shipments to a neighbour, or to `to_address`."""

    def quoted(**fields: Any) -> Any:
        given = {"to_address": NEIGHBOUR, "from_address": DESK, "parcel": PARCEL} | fields
        return client.shipment.create(**given)

    return quoted


@pytest.fixture
def bought(client: Any, quoted: Callable[..., Any]) -> Callable[..., Any]:
    """Creates shipments and buys their cheapest rate."""

    def bought(**fields: Any) -> Any:
        shipment = quoted(**fields)
        return client.shipment.buy(shipment.id, rate={"id": shipment.lowest_rate().id})

    return bought


class Receiver:
    """Takes webhooks. `answers` are the statuses of the next deliveries; 200 when there are none left."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.slow_seconds = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.slow_seconds)
                receiver.received.append((dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hooks"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
