"""The Stripe stand-in: its objects have the fixtures' shape, and the real client cannot tell it apart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from sandbox.server import Sandbox
from sandbox.stripe.webhook_delivery import sign_stripe_event
from tests.sandbox.conftest import START

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "stripe-fixtures"
Json = dict[str, Any]


class Transport(stripe.RequestsClient):
    """One session of ours, so that the test can close it and see headers."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        super().__init__(timeout=5, session=self.session)


@pytest.fixture
def client(stand_in: Sandbox) -> Iterator[stripe.StripeClient]:
    stripe.enable_telemetry = False
    transport = Transport()
    yield stripe.StripeClient("sk_test_1", base_addresses={"api": stand_in.stripe_url}, http_client=transport)
    transport.session.close()


def order(**changes: Any) -> Any:
    return {
        "mode": "payment",
        "client_reference_id": "C-1",
        "metadata": {"order_id": "1"},
        "payment_intent_data": {"metadata": {"order_id": "1"}},
        "customer_email": "test@example.com",
        "line_items": [
            {
                "quantity": 2,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 3250,
                    "product_data": {"name": "Extra key"},
                },
            }
        ],
        "success_url": "http://127.0.0.1/done?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1/cancel",
        **changes,
    }


def shape(value: Any) -> Any:
    """The keys of every object; of lists, that they are; metadata and what hangs on the payer are free."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return type(value).__name__ if value is not None else None


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where our shape is not the fixture's. A null on either side fits anything: values differ."""
    if ours is None or theirs is None:
        return []
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = [f"{path}.{key} is missing" for key in theirs.keys() - ours.keys()]
        found += [f"{path}.{key} is not theirs" for key in ours.keys() - theirs.keys()]
        for key in theirs.keys() & ours.keys():
            if key != "metadata":
                found += differences(ours[key], theirs[key], f"{path}.{key}")
        return found
    return [] if ours == theirs else [f"{path}: {ours}, not {theirs}"]


def played(stand_in: Sandbox, client: stripe.StripeClient) -> dict[str, Json]:
    """One of each object and event that the fixtures show, by the fixture's name."""
    vendor = stand_in.stripe
    client.v1.webhook_endpoints.create(params={"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    opened = client.v1.checkout.sessions.create(params=order())
    found: dict[str, Json] = {"objects-synthetic/checkout.session.open": opened.to_dict()}
    paid = vendor.act(opened.id, "pay")
    intent = paid["payment_intent"]
    part = vendor.refund(intent, amount=2500)
    rest = vendor.refund(intent)
    vendor.fail_refund(rest["id"])
    dispute = vendor.dispute(intent)
    vendor.close_dispute(dispute["id"], "lost")
    expired = client.v1.checkout.sessions.create(params=order())
    vendor.act(expired.id, "expire")
    for outcome in ("succeed", "fail"):
        later = client.v1.checkout.sessions.create(params=order())
        vendor.act(later.id, "later")
        vendor.act(later.id, outcome)
    free = order()
    free["line_items"][0]["price_data"]["unit_amount"] = 0
    vendor.act(client.v1.checkout.sessions.create(params=free).id, "pay")
    found["objects-synthetic/refund.succeeded"] = client.v1.refunds.retrieve(part["id"]).to_dict()
    for kind in ("charge", "refund"):
        (entry, *_) = client.v1.balance_transactions.list(params={"type": kind}).data
        found[f"objects-synthetic/balance_transaction.{kind}"] = entry.to_dict()
    events = vendor.events()

    def event(kind: str, **values: Any) -> Json:
        return next(
            one for one in events if one["type"] == kind and values.items() <= one["data"]["object"].items()
        )

    for name, one in {
        "checkout.session.completed.paid": event("checkout.session.completed", payment_status="paid"),
        "checkout.session.completed.unpaid-async": event(
            "checkout.session.completed", payment_status="unpaid"
        ),
        "checkout.session.completed.no_payment_required": event(
            "checkout.session.completed", payment_status="no_payment_required"
        ),
        "checkout.session.async_payment_succeeded": event("checkout.session.async_payment_succeeded"),
        "checkout.session.async_payment_failed": event("checkout.session.async_payment_failed"),
        "checkout.session.expired": event("checkout.session.expired"),
        "payment_intent.succeeded": event("payment_intent.succeeded"),
        "charge.refunded.partial": event("charge.refunded", refunded=False),
        "charge.refunded.full": event("charge.refunded", refunded=True),
        "refund.created": event("refund.created"),
        "refund.failed": event("refund.failed"),
        "charge.dispute.created": event("charge.dispute.created"),
        "charge.dispute.closed": event("charge.dispute.closed"),
    }.items():
        found[f"events-synthetic/{name}"] = one
    return found


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the fixtures (../shared/data) are not here")
def test_every_object_has_the_fixtures_shape(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    found = played(stand_in, client)
    names = {
        str(path.relative_to(FOLDER)).removesuffix(".json")
        for folder in ("events-synthetic", "objects-synthetic")
        for path in (FOLDER / folder).glob("*.json")
    }
    assert names == set(found)
    wrong = {
        name: differences(shape(ours), shape(json.loads((FOLDER / f"{name}.json").read_text())))
        for name, ours in found.items()
    }
    assert {name: lines for name, lines in wrong.items() if lines} == {}


def test_the_clients_own_parsing_takes_every_event(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    for event in played(stand_in, client).values():
        if event["object"] != "event":
            continue
        body = json.dumps(event).encode()
        from datetime import UTC, datetime

        header = sign_stripe_event(["whsec_1", "whsec_2"], body, at=datetime.now(UTC))
        parsed = client.construct_event(body, header, "whsec_2")
        assert parsed.type == event["type"]


class TestIdempotency:
    def test_the_same_key_gives_the_same_session(self, client: stripe.StripeClient) -> None:
        first, second = (
            client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
            for _ in range(2)
        )
        assert first.id == second.id

    def test_a_key_with_other_parameters_is_refused(self, client: stripe.StripeClient) -> None:
        client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError):
            client.v1.checkout.sessions.create(
                params=order(client_reference_id="C-2"), options={"idempotency_key": "k"}
            )

    def test_a_failure_is_kept_too(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        stand_in.stripe.add_fault("status", status=500, method="POST", path="/checkout/sessions")
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
        assert stand_in.stripe.sessions() == []

    def test_after_a_day_the_key_is_forgotten(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        first = client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
        stand_in.control.advance(timedelta(hours=25).total_seconds())
        second = client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
        assert first.id != second.id

    def test_a_key_in_use_is_told(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        stand_in.stripe.add_fault("delay", seconds=0.6, method="POST", path="/checkout/sessions")
        answers: list[Any] = []

        def ask() -> None:
            answers.append(
                client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"}).id
            )

        slow = threading.Thread(target=ask)
        slow.start()
        threading.Event().wait(0.2)
        with pytest.raises(stripe.APIError) as refusal:
            client.v1.checkout.sessions.create(params=order(), options={"idempotency_key": "k"})
        slow.join()
        assert refusal.value.http_status == 409
        assert len(stand_in.stripe.sessions()) == len(answers) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"expires_at": 1}, "expires_at"),
            ({"line_items": []}, "line_items"),
            ({"success_url": "nowhere"}, "success_url"),
            ({"colour": "red"}, "colour"),
            ({"mode": "subscription"}, "mode"),
        ],
    )
    def test_bad_parameters_are_named(self, client: stripe.StripeClient, change: Json, param: str) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.v1.checkout.sessions.create(params=order(**change))
        assert refusal.value.param == param

    def test_unknown_keys_and_objects(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError) as missing:
            client.v1.checkout.sessions.retrieve("cs_test_none")
        assert missing.value.http_status == 404
        answer = requests.get(f"{stand_in.stripe_url}/v1/refunds", timeout=5)
        assert answer.status_code == 401

    def test_only_an_open_session_expires(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        opened = client.v1.checkout.sessions.create(params=order())
        stand_in.stripe.act(opened.id, "pay")
        with pytest.raises(stripe.InvalidRequestError, match='status in \\["open"\\]'):
            client.v1.checkout.sessions.expire(opened.id)

    def test_no_more_goes_back_than_came(self, stand_in: Sandbox, client: stripe.StripeClient) -> None:
        opened = client.v1.checkout.sessions.create(params=order())
        intent = stand_in.stripe.act(opened.id, "pay")["payment_intent"]
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create(params={"payment_intent": intent, "amount": 6501})
        client.v1.refunds.create(params={"payment_intent": intent})
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.v1.refunds.create(params={"payment_intent": intent})
        assert refusal.value.code == "charge_already_refunded"


def test_lists_page_through_everything(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    made = [client.v1.checkout.sessions.create(params=order()).id for _ in range(7)]
    listed = client.v1.checkout.sessions.list(params={"limit": 3}).auto_paging_iter()
    assert [one.id for one in listed] == list(reversed(made))
    nothing = client.v1.checkout.sessions.list(
        params={"created": {"gte": int((START + timedelta(days=1)).timestamp())}}
    )
    assert nothing.data == []


def test_what_is_expanded_is_there(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    opened = client.v1.checkout.sessions.create(params=order())
    stand_in.stripe.act(opened.id, "pay")
    session = client.v1.checkout.sessions.retrieve(
        opened.id, params={"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    ).to_dict()
    charge = session["payment_intent"]["latest_charge"]
    assert charge["amount"] == 6500
    assert charge["balance_transaction"]["fee"] == 219
    assert session["line_items"]["data"][0]["quantity"] == 2


def test_a_lagging_balance_comes_with_charge_updated(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    stand_in.stripe.settings(balance_lag_seconds=60)
    opened = client.v1.checkout.sessions.create(params=order())
    stand_in.stripe.act(opened.id, "pay")
    assert client.v1.balance_transactions.list().data == []
    stand_in.control.advance(61)
    assert len(client.v1.balance_transactions.list().data) == 1
    assert stand_in.stripe.events()[-1]["type"] == "charge.updated"


def test_the_page_offers_four_ways_and_leads_back(stand_in: Sandbox, client: stripe.StripeClient) -> None:
    opened = client.v1.checkout.sessions.create(params=order())
    assert opened.url is not None
    page = requests.get(opened.url, timeout=5).text
    assert "USD 65.00" in page
    assert page.count("<form") == 4
    declined = requests.post(f"{opened.url}/decline", timeout=5)
    assert "declined" in declined.text
    back = requests.post(f"{opened.url}/pay", timeout=5, allow_redirects=False)
    assert back.status_code == 303
    assert back.headers["Location"] == f"http://127.0.0.1/done?session_id={opened.id}"
    assert "This was paid" in requests.get(opened.url, timeout=5).text
