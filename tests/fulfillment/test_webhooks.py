"""The door for webhooks: what is let in, what is not, and that it is let in once."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from easypost.util import validate_webhook
from procrastinate.contrib.django.models import ProcrastinateJob

from fulfillment import webhooks
from fulfillment.models import RefusedWebhook, Webhook
from fulfillment.postage.gateways.events import EasyPostIntake, EasyPostIntakeV2
from fulfillment.shipments.models import LabelPurchase
from fulfillment.webhooks import MAX_BYTES, BadBody, BadSignature, parse_strictly, receive_webhook
from tests.fulfillment.carrier_events import post, signature, stored, tracker_event

pytestmark = [pytest.mark.django_db, pytest.mark.urls("fulfillment.tracking.urls")]

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
PARCEL = LabelPurchase(
    vendor_shipment_id=f"shp_{'1' * 32}", tracker_id=f"trk_{'2' * 32}", tracking_code="9400100"
)
VECTOR = Path(__file__).parents[3] / "shared/data/easypost-recordings/webhook-hmac-vector.json"
RECORDED = VECTOR.with_name("42-webhook-payloads-delivered.json")


def event(**changed: Any) -> dict[str, Any]:
    return tracker_event(PARCEL, "in_transit", at=NOW, **changed)


def assert_refused(answer: Any, code: str) -> None:
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (400, code)
    assert Webhook.objects.count() == 0
    assert ProcrastinateJob.objects.filter(task_name="shipping.work_webhooks").count() == 0
    # Nothing of the attempt is kept but that it was made.
    assert RefusedWebhook.objects.count() == 1


def test_a_signed_event_is_stored_and_wakes_its_job(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        webhook = stored(event())
    assert (webhook.kind, webhook.mode, webhook.occurred_at) == ("tracker.updated", "test", NOW)
    job = ProcrastinateJob.objects.get(task_name="shipping.work_webhooks")
    assert job.args == {"timestamp": 0}


def test_a_second_delivery_is_answered_alike_and_does_nothing(
    django_capture_on_commit_callbacks: Any,
) -> None:
    given = event()
    with django_capture_on_commit_callbacks(execute=True):
        assert [post(given).status_code for _ in range(3)] == [204, 204, 204]
    assert Webhook.objects.count() == 1
    assert ProcrastinateJob.objects.filter(task_name="shipping.work_webhooks").count() == 1


def test_case_24_every_secret_in_use_is_accepted_and_no_other() -> None:
    for secret in ("tests-new", "tests-old"):
        body = json.dumps(event()).encode()
        assert post(body, signed=signature(body, secret)).status_code == 204
    body = json.dumps(event()).encode()
    assert post(body, signed=signature(body, "tests-older")).status_code == 400


@pytest.mark.parametrize(
    "signed",
    ["", "hmac-sha256-hex=", "hmac-sha256-hex=" + "0" * 64, "hmac-sha256-hex=é", "deadbeef", "\x00"],
)
def test_a_bad_signature_is_refused_and_only_its_time_kept(signed: str) -> None:
    assert_refused(post(event(), signed=signed), "bad_signature")


def test_a_signature_of_another_body_is_refused() -> None:
    assert_refused(post(event(), signed=signature(json.dumps(event()).encode())), "bad_signature")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"id": "evt_1"}',
        b'{"id": "evt_1", "result": {}, "id": "evt_2"}',
        b'{"id": "evt_1", "result": {"weight": NaN}}',
        b'{"id": "evt_1", "result": {"object": "Tracker", "id": "trk_\\u0000"}}',
        b'{"id": "evt_1", "result": {"object": "Tracker", "status": "\\ud800"}}',
        b'{"id": "evt_1", "result": {"object": "Tracker", "id": "../users"}}',
        b'{"id": "evt_1", "description": 7, "result": {}}',
        b'{"id": "evt_1", "created_at": "yesterday", "result": {}}',
        b'{"id": 7, "result": {}}',
        b'{"id": "evt_1", "mode": "' + b"x" * 300 + b'", "result": {}}',
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"id": "evt_1", "result": {"weight": ' + b"9" * 10_000 + b"}}",
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    assert_refused(post(body), "bad_body")


def test_a_body_over_the_limit_is_refused() -> None:
    assert_refused(post(b" " * (MAX_BYTES + 1)), "bad_body")
    RefusedWebhook.objects.all().delete()
    assert_refused(post(b" " * 2_000_000), "bad_body")


def test_only_post_is_answered() -> None:
    assert Client().get("/easypost").status_code == 405


def test_an_event_without_a_time_counts_from_when_it_came() -> None:
    given = event()
    del given["created_at"]
    body = json.dumps(given).encode()
    intake = EasyPostIntake(["tests-new"])
    receive_webhook(intake, body=body, headers={"X-Hmac-Signature": signature(body)}, now=NOW)
    assert Webhook.objects.get().occurred_at == NOW


def test_a_verifier_that_fails_is_a_refusal() -> None:
    class Broken(EasyPostIntake):
        def verify(self, body: bytes, headers: Any) -> bool:
            raise RuntimeError

    with pytest.raises(BadSignature):
        receive_webhook(Broken(["x"]), body=b"{}", headers={}, now=NOW)


SENT_AT, PATH = "Mon, 11 Jul 2022 12:00:00 -0000", "/api/v1/webhooks/easypost"


def signed_by_v2(body: bytes, **changed: str) -> dict[str, str]:
    """The headers of a delivery under version 2 of the signature."""
    given = {"sent_at": SENT_AT, "path": PATH, "secret": "tests-new", **changed}
    signed = f"{given['sent_at']}POST{given['path']}".encode() + body
    return {
        "X-Timestamp": given["sent_at"],
        "X-Path": given["path"],
        "X-Hmac-Signature-V2": signature(signed, given["secret"]),
    }


def _at(moment: datetime) -> datetime:
    return moment


def test_version_2_of_the_signature_is_accepted_while_it_is_fresh() -> None:
    body = json.dumps(event()).encode()
    for minutes, expected in ((-6, False), (-4, True), (0, True), (4, True), (6, False)):
        read_at = NOW + timedelta(minutes=minutes)
        intake = EasyPostIntakeV2(["tests-new", "tests-old"], now=partial(_at, read_at))
        assert intake.verify(body, signed_by_v2(body)) is expected
        assert intake.verify(body, signed_by_v2(body, secret="tests-old")) is expected
    assert receive_webhook(intake_v2(), body=body, headers=signed_by_v2(body), now=NOW) is True


def intake_v2() -> EasyPostIntakeV2:
    return EasyPostIntakeV2(["tests-new"], now=lambda: NOW)


@pytest.mark.parametrize("missing", ["X-Timestamp", "X-Path", "X-Hmac-Signature-V2"])
def test_version_2_of_the_signature_needs_each_of_its_headers(missing: str) -> None:
    body = json.dumps(event()).encode()
    headers = {name: value for name, value in signed_by_v2(body).items() if name != missing}
    with pytest.raises(BadSignature):
        receive_webhook(intake_v2(), body=body, headers=headers, now=NOW)


@pytest.mark.parametrize(
    "changed", [{"X-Timestamp": "Mon, 11 Jul 2022 12:01:00 -0000"}, {"X-Path": "/x"}, {"X-Timestamp": "soon"}]
)
def test_version_2_of_the_signature_covers_time_path_and_body(changed: dict[str, str]) -> None:
    body = json.dumps(event()).encode()
    with pytest.raises(BadSignature):
        receive_webhook(intake_v2(), body=body, headers={**signed_by_v2(body), **changed}, now=NOW)
    with pytest.raises(BadSignature):
        receive_webhook(intake_v2(), body=body + b" ", headers=signed_by_v2(body), now=NOW)
    # The first version is no way round the second.
    with pytest.raises(BadSignature):
        receive_webhook(intake_v2(), body=body, headers={"X-Hmac-Signature": signature(body)}, now=NOW)


def test_a_flood_of_refused_attempts_leaves_so_many_records_and_they_go_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "REFUSALS_AN_HOUR", 3)
    for _ in range(5):
        assert post(event(), signed="none").status_code == 400
    assert RefusedWebhook.objects.count() == 3
    last = RefusedWebhook.objects.latest("refused_at").refused_at
    assert webhooks.forget_refusals(now=last + timedelta(days=90)) == 2
    assert webhooks.forget_refusals(now=last + timedelta(days=91)) == 1


def test_a_name_that_stands_twice_has_two_meanings_and_is_refused_at_any_depth() -> None:
    with pytest.raises(BadBody, match="twice"):
        parse_strictly(b'{"a": {"b": 1, "b": 2}}')


@pytest.mark.skipif(not VECTOR.exists(), reason="../shared/data is not here")
def test_the_vendors_own_signature_vector_is_accepted() -> None:
    vector = json.loads(VECTOR.read_text())
    body = vector["body_raw"].encode()
    intake = EasyPostIntake(["something newer", vector["secret"]])
    assert intake.verify(body, vector["header"])
    assert not intake.verify(body + b" ", vector["header"])
    assert not EasyPostIntake(["something else"]).verify(body, vector["header"])
    assert intake.read(parse_strictly(body)).body["status"] == "in_transit"


def test_what_the_vendors_client_accepts_and_refuses_we_do_too() -> None:
    body = json.dumps(event()).encode()
    headers = {"X-Hmac-Signature": signature(body, "sécret")}
    assert validate_webhook(event_body=body, headers=headers, webhook_secret="sécret")["mode"] == "test"
    assert EasyPostIntake(["sécret"]).verify(body, headers)


@pytest.mark.skipif(not RECORDED.exists(), reason="../shared/data is not here")
def test_events_as_they_were_really_delivered_can_be_read() -> None:
    recorded = json.loads(RECORDED.read_text())
    bodies = [
        payload["request_body"]
        for interaction in recorded["interactions"]
        for payload in interaction["response"]["body"]["payloads"]
    ]
    intake = EasyPostIntake(["x"])
    events = [intake.read(parse_strictly(json.dumps(body).encode())) for body in bodies]
    assert [one.body["status"] for one in events if "tracker" in one.body] == [
        "delivered",
        "out_for_delivery",
        "in_transit",
        "pre_transit",
        "pre_transit",
    ]
    kept = json.dumps([one.body for one in events])
    assert "John Tester" not in kept
    assert "HOUSTON" not in kept
