"""Go-live checks of the vendor's test mode: does it behave as docs/vendors.md § 8 expects?

Each probe makes real calls with the real client and reports its finding. Test labels cost nothing.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from easypost.easypost_client import EasyPostClient
from easypost.errors.general.easypost_error import EasyPostError

Json = dict[str, Any]

DESK: Json = {
    "name": "Fulfilment desk",
    "company": "KD Fulfilment",
    "street1": "417 Montgomery Street",
    "street2": "Floor 5",
    "city": "San Francisco",
    "state": "CA",
    "zip": "94104",
    "country": "US",
    "phone": "4155550100",
    "email": "keys@example.org",
}
ABROAD: Json = {
    "name": "Test Recipient",
    "street1": "Unter den Linden 1",
    "city": "Berlin",
    "zip": "10117",
    "country": "DE",
    "phone": "4930555010",
    "email": "keys@example.org",
}
PARCEL: Json = {"weight": 3.0, "length": 8.1, "width": 4.1, "height": 0.8}
# The documented limit of list calls a second, and how many calls are made to reach it.
LIST_LIMIT, BURST = 5, 12
GIVE_UP_AFTER_S, LOOK_EVERY_S = 60.0, 1.0


@dataclass(frozen=True)
class ProbeResult:
    """Result of one probe. `ok` is None where a person must judge or act."""

    question: str
    ok: bool | None
    finding: str


class Prober:
    """Runs the probes with clients of its own, one for each thread, without the gateway's safeguards."""

    def __init__(self, *, api_key: str, api_base: str, timeout_s: int = 30) -> None:
        self._api_key, self._api_base, self._timeout_s = api_key, api_base, timeout_s
        self._client = self._new_client()

    def probes(self) -> Iterator[tuple[str, Callable[[], ProbeResult]]]:
        """All probes by name, in the order of docs/vendors.md § 8."""
        yield "buy twice", self.buy_twice
        yield "buy twice at once", self.buy_at_once
        yield "cut connection", self.cut_connection
        yield "shared reference", self.shared_reference
        yield "webhook endpoint", self.webhook_endpoint
        yield "list limit", self.list_limit
        yield "customs missing", self.customs_missing
        yield "blocked country", self.blocked_country
        yield "phone missing", self.phone_missing
        yield "stale rate", self.stale_rate
        yield "early refund", self.early_refund
        yield "no key", self.no_key
        yield "wrong key", self.wrong_key

    def buy_twice(self) -> ProbeResult:
        shipment = self._create()
        bought = self._buy(self._client, shipment)
        again = self._refusal(lambda: self._buy(self._client, shipment))
        now = self._client.shipment.retrieve(shipment.id).to_dict()
        same = now["tracking_code"] == bought["tracking_code"] and len(now["fees"]) == len(bought["fees"])
        return ProbeResult(
            "Is a second purchase of the same shipment refused, and the fee charged once?",
            again.endswith("SHIPMENT.POSTAGE.EXISTS") and same,
            f"{again}; fees charged {len(now['fees'])}, before {len(bought['fees'])}",
        )

    def buy_at_once(self) -> ProbeResult:
        shipment = self._create()
        clients = [self._new_client() for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda client: self._bought_or_refused(client, shipment), clients))
        bought = {answer for answer in answers if answer.startswith("bought ")}
        refused = sorted(set(answers) - bought)
        known = ("SHIPMENT.POSTAGE.EXISTS", "SHIPMENT.PURCHASE.IN_PROGRESS")
        ok = len(bought) == 1 and all(one.endswith(known) for one in refused)
        finding = f"{len(bought)} label; refused with {', '.join(refused) or 'nothing'}"
        return ProbeResult("Do four purchases at once make one label?", ok, finding)

    def cut_connection(self) -> ProbeResult:
        shipment = self._create()
        hasty = self._new_client(timeout_s=0.05)
        outcome = self._refusal(lambda: self._buy(hasty, shipment))
        started = time.monotonic()
        while time.monotonic() - started < GIVE_UP_AFTER_S:
            if self._client.shipment.retrieve(shipment.id).to_dict()["postage_label"]:
                took = time.monotonic() - started
                return ProbeResult(
                    "When does a label whose answer was lost appear?", True, f"after {took:.1f} s"
                )
            time.sleep(LOOK_EVERY_S)
        finding = f"no label within {GIVE_UP_AFTER_S:.0f} s ({outcome}): the purchase was not made"
        return ProbeResult("When does a label whose answer was lost appear?", None, finding)

    def shared_reference(self) -> ProbeResult:
        reference = f"kd-probe-{time.time_ns()}"
        first, second = self._create(reference=reference), self._create(reference=reference)
        found = self._client.shipment.retrieve(reference).id
        which = {first.id: "the older", second.id: "the newer"}.get(found, "another")
        return ProbeResult("Which of two shipments does a shared reference find?", None, which)

    def webhook_endpoint(self) -> ProbeResult:
        hooks = self._client.webhook.all().to_dict()["webhooks"]
        enabled = [hook["url"] for hook in hooks if not hook["disabled_at"]]
        finding = f"{len(enabled)} enabled; send a test event and read its headers"
        return ProbeResult("Is an endpoint registered, and which signature does it get?", None, finding)

    def list_limit(self) -> ProbeResult:
        answers = [self._get("/shipments?page_size=1") for _ in range(BURST)]
        busy = [answer for answer in answers if answer.status_code == 429]
        if not busy:
            return ProbeResult(
                "What does a list call over the limit answer?", None, f"{BURST} in a row were answered"
            )
        after = busy[0].headers.get("Retry-After", "none")
        code = busy[0].json().get("error", {}).get("code")
        return ProbeResult(
            "What does a list call over the limit answer?", True, f"429 {code}, Retry-After: {after}"
        )

    def customs_missing(self) -> ProbeResult:
        return self._unshippable("Does a parcel abroad without customs papers get no rates?", ABROAD)

    def blocked_country(self) -> ProbeResult:
        address = {**ABROAD, "city": "Pyongyang", "zip": "", "country": "KP"}
        return self._unshippable("Does a parcel to a blocked country get no rates?", address)

    def phone_missing(self) -> ProbeResult:
        address = {name: value for name, value in ABROAD.items() if name != "phone"}
        return self._unshippable("What becomes of a parcel abroad without a phone?", address, must_be=None)

    def stale_rate(self) -> ProbeResult:
        shipment = self._create()
        old = shipment.to_dict()["rates"][0]["id"]
        self._client.shipment.regenerate_rates(shipment.id)
        answer = self._refusal(lambda: self._client.shipment.buy(shipment.id, rate={"id": old}))
        return ProbeResult("What does a rate answer that was replaced?", None, answer)

    def early_refund(self) -> ProbeResult:
        shipment = self._create()
        self._buy(self._client, shipment)
        status = self._client.shipment.refund(shipment.id).to_dict()["refund_status"]
        ok = status in ("submitted", "refunded")
        return ProbeResult(
            "Is a refund right after the purchase taken?", ok, f"{status}; look again in 24 hours"
        )

    def no_key(self) -> ProbeResult:
        answer = requests.get(f"{self._api_base}/shipments", timeout=self._timeout_s)
        return ProbeResult(
            "Is a call without a key refused?", answer.status_code in (401, 403), str(answer.status_code)
        )

    def wrong_key(self) -> ProbeResult:
        answer = self._get("/shipments", key=f"wrong{self._api_key[-4:]}")
        code = answer.json().get("error", {}).get("code")
        ok = (answer.status_code, code) == (403, "APIKEY.INACTIVE")
        return ProbeResult("Is a wrong key refused as recorded?", ok, f"{answer.status_code} {code}")

    def _unshippable(self, question: str, address: Json, *, must_be: bool | None = True) -> ProbeResult:
        try:
            body = self._create(to_address=address).to_dict()
        except EasyPostError as error:
            return ProbeResult(
                question, must_be, f"{getattr(error, 'http_status', None)} {getattr(error, 'code', '')}"
            )
        refusing = sorted({message["carrier"] for message in body["messages"]})
        finding = f"{len(body['rates'])} rates; refused by {', '.join(refusing) or 'nobody'}"
        return ProbeResult(question, None if must_be is None else not body["rates"], finding)

    def _create(self, **given: Any) -> Any:
        fields: Json = {"to_address": DESK, "from_address": DESK, "parcel": PARCEL, **given}
        return self._client.shipment.create(**fields)

    def _buy(self, client: Any, shipment: Any) -> Json:
        rate = min(shipment.to_dict()["rates"], key=lambda one: float(one["rate"]))
        bought: Json = client.shipment.buy(shipment.id, rate={"id": rate["id"]}).to_dict()
        return bought

    def _bought_or_refused(self, client: Any, shipment: Any) -> str:
        try:
            return f"bought {self._buy(client, shipment)['tracking_code']}"
        except EasyPostError as error:
            return f"{getattr(error, 'http_status', None)} {getattr(error, 'code', '')}"

    def _refusal(self, call: Callable[[], Any]) -> str:
        try:
            call()
        except EasyPostError as error:
            return (
                f"{type(error).__name__} {getattr(error, 'http_status', None)} {getattr(error, 'code', '')}"
            )
        return "accepted"

    def _get(self, path: str, *, key: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {key or self._api_key}"}
        return requests.get(f"{self._api_base}{path}", headers=headers, timeout=self._timeout_s)

    def _new_client(self, timeout_s: float | None = None) -> Any:
        client: Any = EasyPostClient(self._api_key, self._api_base, timeout_s or self._timeout_s)  # type: ignore[arg-type]
        client._requests_session.trust_env = False
        return client
