"""The real client, held to what the purchase protocol rests on, against a server that answers as told."""

import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fulfillment.postage.gateways import parsing
from fulfillment.postage.gateways.easypost import MAX_LABEL_BYTES, EasyPostGateway
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import Customs, CustomsLine, Parcel, Party
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vendor_failures import Failure

RECORDINGS = Path(__file__).parents[4] / "shared/data/easypost-recordings"
SHP, RATE, TRK = (f"{prefix}_{'a' * 32}" for prefix in ("shp", "rate", "trk"))


def _png() -> bytes:
    target = io.BytesIO()
    Image.new("1", (40, 60), 1).save(target, "PNG")
    return target.getvalue()


PNG = _png()

recorded = pytest.mark.skipif(not RECORDINGS.exists(), reason="../shared/data is not here")


class Canned:
    """Answers every call with what `answer` holds, and keeps what was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes = b"{}"
        self.headers: dict[str, str] = {}
        self.wait_s = 0.0
        self.drops = False
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                canned.asked.append((self.command, self.path, dict(self.headers), body))
                time.sleep(canned.wait_s)
                if canned.drops:
                    self.close_connection = True
                    return
                try:
                    self.send_response(canned.status)
                    for name, value in {"Content-Length": str(len(canned.body)), **canned.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(canned.body)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = _answer

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A client that stops waiting is part of these tests, and no news.
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answers(self, body: Any, status: int = 200, **headers: str) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = headers

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def canned() -> Iterator[Canned]:
    server = Canned()
    yield server
    server.close()


@pytest.fixture
def gateway(canned: Canned) -> Iterator[EasyPostGateway]:
    made = EasyPostGateway(api_key="EZTKsecret", api_base=f"{canned.url}/v2", mode="test", timeout_s=1)
    yield made
    made.close()


def interaction(name: str, number: int) -> Any:
    recording = json.loads((RECORDINGS / name).read_text())
    return recording["interactions"][number]["response"]["body"]


def party(**changed: str) -> Party:
    fields = {"name": "Robin Example", "street1": "Hidden Lane 7", "country": "US", "postal_code": "94104"}
    return Party(PostalAddress(**(fields | changed)), phone="4155550100")


def create(gateway: EasyPostGateway, customs: Customs | None = None) -> Any:
    return gateway.create_shipment(
        to=party(), from_=party(), parcel=Parcel(22, 204, 102, 16), customs=customs, reference="kd:test:1"
    )


@recorded
def test_a_created_shipment_is_read_from_the_recording(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.answers(interaction("11-shipment-create-then-buy.json", 0), 201)
    created = create(gateway)
    rates = {(rate.carrier, rate.service): rate for rate in created.rates}
    assert rates["USPS", "GroundAdvantage"].amount_cents == 607
    assert rates["USPS", "GroundAdvantage"].delivery_days == 3


@recorded
def test_a_bought_label_is_read_from_the_recording(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.answers(interaction("11-shipment-create-then-buy.json", 1))
    label = gateway.buy(SHP, RATE)
    assert (label.rate_cents, label.cost_cents, label.currency) == (607, 607, "USD")
    assert label.tracking_code == "9400100208303109505657"
    assert label.tracker_id.startswith("trk_")
    assert label.label_url.endswith(".png")


@recorded
def test_an_international_purchase_with_insurance_counts_all_fees(
    canned: Canned, gateway: EasyPostGateway
) -> None:
    body = interaction("35-international-create-buy.json", 3)
    canned.answers(body)
    label = gateway.buy(SHP, RATE)
    fees = sum(parsing.read_cents(fee["amount"]) for fee in body["fees"] if fee["charged"])
    assert label.cost_cents == fees > label.rate_cents


@recorded
def test_a_tracker_is_read_without_names_and_places(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.answers(interaction("24-tracker-create-ez1.json", 0))
    assert gateway.retrieve_tracker(TRK).status == "pre_transit"


@recorded
def test_new_rates_have_new_ids(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.answers(interaction("16-shipment-rerate.json", 0))
    offered = gateway.rerate(SHP)
    assert offered.id == SHP
    assert offered.rates


@recorded
def test_every_recorded_error_is_read_by_its_code(canned: Canned, gateway: EasyPostGateway) -> None:
    catalogue = json.loads((RECORDINGS / "errors-catalogue.json").read_text())
    bodies = {found["code"]: found for found in _errors_in(catalogue) if isinstance(found.get("code"), str)}
    assert len(bodies) > 10
    for body in bodies.values():
        canned.answers({"error": body}, 422)
        with pytest.raises(GatewayError) as raised:
            gateway.buy(SHP, RATE)
        assert (raised.value.code, raised.value.failure) == (body["code"], Failure.PERMANENT)


def _errors_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("error"), dict):
            yield value["error"]
        for item in value.values():
            yield from _errors_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _errors_in(item)


ODD_ANSWERS = {
    "an HTML page": (b"<html>Bad Gateway</html>", 502),
    "an empty body": (b"", 200),
    "a list": (b"[]", 200),
    "a number": (b"7", 200),
    "null": (b"null", 200),
    "an error that is a string": (b'{"error": "boom"}', 500),
    "an error without a code": (b'{"error": {"message": "boom"}}', 422),
    "json without an error": (b"{}", 500),
    "an integer id": (b'{"id": 7, "object": "Shipment"}', 200),
    "another class's id": (b'{"id": "adr_1", "postage_label": {}}', 200),
    "a label without its rate": (
        json.dumps({"id": SHP, "postage_label": {"id": "pl_1"}, "tracking_code": "1"}).encode(),
        200,
    ),
    "a rate that is no money": (
        json.dumps(
            {
                "id": SHP,
                "postage_label": {"id": f"pl_{'a' * 32}"},
                "tracking_code": "1",
                "selected_rate": {
                    "id": RATE,
                    "carrier": "U",
                    "service": "P",
                    "rate": "NaN",
                    "currency": "USD",
                },
            }
        ).encode(),
        200,
    ),
    "a redirect": (b"", 301),
}


@pytest.mark.parametrize(("body", "status"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_whatever_comes_back_from_a_purchase_is_unknown_and_never_another_exception(
    body: bytes, status: int, canned: Canned, gateway: EasyPostGateway
) -> None:
    canned.answers(body, status, **({"Location": "/v2/elsewhere"} if status == 301 else {}))
    with pytest.raises(GatewayError) as raised:
        gateway.buy(SHP, RATE)
    assert raised.value.failure is Failure.UNKNOWN
    assert len(canned.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_no_call_is_repeated_or_slept_on_behind_our_back(
    status: int, canned: Canned, gateway: EasyPostGateway
) -> None:
    canned.answers({"error": {"code": "X", "message": "", "errors": []}}, status, **{"Retry-After": "30"})
    started = time.monotonic()
    for call in (lambda: gateway.buy(SHP, RATE), lambda: gateway.retrieve(SHP)):
        with pytest.raises(GatewayError):
            call()
    assert len(canned.asked) == 2
    assert time.monotonic() - started < 5


def test_a_broken_connection_is_not_repeated(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.drops = True
    for call in (lambda: gateway.buy(SHP, RATE), lambda: gateway.retrieve(SHP)):
        with pytest.raises(GatewayError) as raised:
            call()
        assert raised.value.failure is Failure.UNKNOWN
    assert len(canned.asked) == 2


def test_a_slow_answer_is_waited_for_once(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.wait_s = 1.4
    with pytest.raises(GatewayError) as raised:
        gateway.buy(SHP, RATE)
    assert (raised.value.failure, raised.value.status) == (Failure.UNKNOWN, None)
    assert len(canned.asked) == 1


def test_the_surroundings_netrc_and_proxies_are_not_obeyed(
    canned: Canned, gateway: EasyPostGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    canned.answers({"id": SHP, "mode": "test"})
    gateway.retrieve(SHP)
    assert canned.asked[0][2]["Authorization"] == "Bearer EZTKsecret"


@pytest.mark.parametrize("bad", ["", "../users", "shp_1", f"adr_{'a' * 32}", f"{SHP}/buy", f"{SHP}\n"])
def test_an_id_that_is_none_never_gets_into_a_path(
    bad: str, canned: Canned, gateway: EasyPostGateway
) -> None:
    for call in (
        lambda: gateway.retrieve(bad),
        lambda: gateway.buy(bad, RATE),
        lambda: gateway.rerate(bad),
        lambda: gateway.request_refund(bad),
    ):
        with pytest.raises(GatewayError, match="BAD_ID"):
            call()
    assert canned.asked == []


def test_case_23_an_answer_of_the_other_mode_is_refused(canned: Canned, gateway: EasyPostGateway) -> None:
    canned.answers({"id": SHP, "mode": "production", "rates": [], "messages": []})
    for call in (lambda: gateway.retrieve(SHP), lambda: create(gateway)):
        with pytest.raises(GatewayError, match=r"MODE\.CONFLICT"):
            call()


def test_a_shipment_is_sent_in_the_vendors_units_and_as_plain_json(
    canned: Canned, gateway: EasyPostGateway
) -> None:
    canned.answers(
        {"id": SHP, "mode": "test", "rates": [], "messages": [{"carrier": "USPS", "message": "no"}]}
    )
    line = CustomsLine("Security key", 2, 5800, 6, "847180", "SE", "USD", "KD-A")
    created = create(gateway, Customs(lines=(line,), signer="Desk", incoterm="DDP"))
    assert created.refusals == ("USPS",)
    method, path, _, body = canned.asked[0]
    assert (method, path) == ("POST", "/v2/shipments")
    shipment = body["shipment"]
    assert "service" not in shipment
    assert shipment["parcel"] == {"weight": 0.8, "length": 8.1, "width": 4.1, "height": 0.7}
    assert shipment["to_address"]["zip"] == "94104"
    assert "street2" not in shipment["to_address"]
    (item,) = shipment["customs_info"]["customs_items"]
    assert (item["value"], item["weight"], item["quantity"]) == ("58.00", 0.21, 2)
    assert shipment["options"] == {"label_format": "PNG", "incoterm": "DDP"}


def test_no_address_and_no_key_gets_into_a_log_or_an_error(
    canned: Canned, gateway: EasyPostGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    message = "Robin Example, Hidden Lane 7: cannot deliver"
    canned.answers({"error": {"code": "ADDRESS.X", "message": message, "errors": [message]}}, 422)
    with pytest.raises(GatewayError) as raised:
        create(gateway)
    text = caplog.text + str(raised.value) + repr(raised.value) + repr(raised.value.__context__)
    assert "/v2/shipments: 422" in caplog.text
    for secret in ("EZTKsecret",):
        assert secret not in text
    shown = caplog.text + str(raised.value) + repr(raised.value)
    for private in ("Robin", "Hidden Lane", "4155550100"):
        assert private not in shown
    assert raised.value.__suppress_context__


def test_a_label_is_fetched_and_its_kind_proved(canned: Canned, gateway: EasyPostGateway) -> None:
    for content, media_type in (
        (PNG, "image/png"),
        (b"%PDF-1.7 ... %%EOF\n", "application/pdf"),
        (b"\n^XA^FO50^XZ", "application/zpl"),
    ):
        canned.answers(content)
        file = gateway.fetch_label(f"{canned.url}/files/label")
        assert (file.content, file.media_type) == (content, media_type)
    # A file store is not the API and gets no key.
    assert "Authorization" not in canned.asked[0][2]


@pytest.mark.parametrize(
    ("body", "status", "code", "failure"),
    [
        (b"<html>", 200, "LABEL.IS_NONE", Failure.PERMANENT),
        (b"", 200, "LABEL.IS_NONE", Failure.PERMANENT),
        (PNG[:-1], 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (PNG[: len(PNG) // 2], 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (PNG[:40] + bytes([PNG[40] ^ 1]) + PNG[41:], 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (b"\x89PNG\r\n\x1a\n", 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (b"%PDF-1.7 torn", 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (b"^XA^FO50", 200, "LABEL.IS_TORN", Failure.PERMANENT),
        (PNG + b"0" * MAX_LABEL_BYTES, 200, "LABEL.TOO_LARGE", Failure.PERMANENT),
        (PNG, 403, "LABEL.NOT_THERE", Failure.PERMANENT),
        (PNG, 404, "LABEL.NOT_THERE", Failure.PERMANENT),
        (PNG, 500, "LABEL.NOT_THERE", Failure.RETRYABLE),
    ],
)
def test_what_is_no_label_is_refused(
    body: bytes, status: int, code: str, failure: Failure, canned: Canned, gateway: EasyPostGateway
) -> None:
    canned.answers(body, status)
    with pytest.raises(GatewayError) as raised:
        gateway.fetch_label(f"{canned.url}/files/label")
    assert (raised.value.code, raised.value.failure) == (code, failure)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "http://127.0.0.1:1/label",
        "http://169.254.169.254/latest/meta-data",
        "http://easypost-files.s3.us-west-2.amazonaws.com/label.png",
        "https://easypost.com.example.org/label.png",
        "https://noteasypost.com/label.png",
        "https://user@evil.example/label.png",
    ],
)
def test_a_label_from_elsewhere_is_not_fetched(url: str, canned: Canned, gateway: EasyPostGateway) -> None:
    with pytest.raises(GatewayError, match=r"LABEL\.FOREIGN_ADDRESS"):
        gateway.fetch_label(url)
    assert canned.asked == []


def test_each_thread_has_its_own_client(gateway: EasyPostGateway) -> None:
    seen = [gateway._client()]
    thread = threading.Thread(target=lambda: seen.append(gateway._client()))
    thread.start()
    thread.join()
    assert seen[0] is not seen[1]
    assert gateway._client() is seen[0]


def test_money_is_read_exactly() -> None:
    assert [parsing.read_cents(amount) for amount in ("6.07", "6.07000", 34.15, "0.00000", 100)] == [
        607,
        607,
        3415,
        0,
        10000,
    ]
    for bad in ("", None, "NaN", "-1.00", "six"):
        with pytest.raises(ValueError, match="no amount"):
            parsing.read_cents(bad)
