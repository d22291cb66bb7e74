"""Stripe's door: who signed, when, what is kept, and what is believed (nothing)."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim
from fulfillment.models import RefusedWebhook, Webhook, WebhookOutcome
from fulfillment.payments.models import Payment
from sandbox.stripe.webhook_delivery import sign_stripe_event, thin_event
from tests.fulfillment.payments.conftest import Desk, deliver, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(desk: Desk, dear_claim: Claim) -> dict[str, Any]:
    """That a claim was paid; not heard yet."""
    payment = desk.offer(dear_claim)
    desk.act(payment, "pay")
    return next(one for one in desk.vendor.events() if one["type"] == "checkout.session.completed")


def test_it_keeps_ids_and_nothing_of_the_payer(desk: Desk, event: dict[str, Any]) -> None:
    assert deliver(event, now=desk.now).status_code == 204
    stored = Webhook.objects.get()
    payment = Payment.objects.get()
    session = event["data"]["object"]
    assert stored.body == {
        "session": session["id"],
        "payment_intent": session["payment_intent"],
        "payment": payment.code,
    }
    assert "example.org" in json.dumps(event)
    assert "example.org" not in json.dumps(stored.body)


def test_a_second_delivery_is_taken_and_changes_nothing(desk: Desk, event: dict[str, Any]) -> None:
    for _ in range(5):
        assert deliver(event, now=desk.now).status_code == 204
    assert Webhook.objects.count() == 1
    desk.hear([])
    assert fresh(Payment.objects.get()).state == "paid"


@pytest.mark.parametrize(
    "secret",
    ["whsec_tests-new", "whsec_tests-old"],
    ids=["the new secret", "the old one, while it is rolled"],
)
def test_either_secret_will_do(desk: Desk, event: dict[str, Any], secret: str) -> None:
    assert deliver(event, now=desk.now, secret=secret).status_code == 204


@pytest.mark.parametrize(
    ("name", "ahead"),
    [("replayed after a day", -86_400), ("a little too old", -301), ("of the future", 301)],
)
def test_a_signature_of_another_time_is_refused(
    desk: Desk, event: dict[str, Any], name: str, ahead: int
) -> None:
    at = desk.now + timedelta(seconds=ahead)
    assert deliver(event, now=desk.now, at=at).status_code == 400
    assert not Webhook.objects.exists()
    assert RefusedWebhook.objects.get().provider == "stripe"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1,v1=00",
        "v1=00",
        "t=x,v1=00",
        "t=١٢,v1=00",
        "t=99999999999999999999,v1=00",
        "t=1657540800,v0=00",
        "t=1657540800,t=1657540800,v1=00",
        "nonsense",
        "=,=,=",
    ],
)
def test_other_headers_are_refused(desk: Desk, event: dict[str, Any], header: str) -> None:
    from django.test import Client

    from common import clock

    with clock.reading(lambda: desk.now):
        answer = Client().post(
            "/api/v1/webhooks/stripe",
            data=json.dumps(event),
            content_type="application/json",
            headers={"Stripe-Signature": header},
        )
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_signature"


def test_a_changed_body_is_refused(desk: Desk, event: dict[str, Any]) -> None:
    from django.test import Client

    from common import clock

    body = json.dumps(event).encode()
    signature = sign_stripe_event(["whsec_tests-new"], body, at=desk.now)
    with clock.reading(lambda: desk.now):
        answer = Client().post(
            "/api/v1/webhooks/stripe",
            data=body.replace(b'"paid"', b'"free"'),
            content_type="application/json",
            headers={"Stripe-Signature": signature},
        )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"object": "v2.core.event"},
        {"id": "cs_1"},
        {"id": "evt_" + "x" * 100},
        {"id": 5},
        {"data": []},
        {"data": {"object": None}},
        {"livemode": "false"},
        {"created": "now"},
        {"created": 10**30},
        {"type": ["a"]},
    ],
)
def test_what_is_no_event_is_refused(desk: Desk, event: dict[str, Any], change: dict[str, Any]) -> None:
    assert deliver({**event, **change}, now=desk.now).status_code == 400
    assert not Webhook.objects.exists()


def test_a_thin_event_is_refused_and_the_whole_one_taken(desk: Desk, event: dict[str, Any]) -> None:
    """From an endpoint set up for the newer kind of event: somebody sees that it is, and nothing is lost."""
    assert deliver(thin_event(event), now=desk.now).status_code == 400
    assert RefusedWebhook.objects.count() == 1
    assert desk.hear([event]) == 1
    assert Payment.objects.get().state == "paid"


def test_an_event_of_the_other_mode_is_kept_and_not_believed(desk: Desk, event: dict[str, Any]) -> None:
    desk.hear([{**event, "livemode": True}])
    assert WebhookOutcome.objects.get().result == "wrong_mode"
    assert Payment.objects.get().state == "open"


def test_an_event_about_nothing_of_ours_changes_nothing(desk: Desk, event: dict[str, Any]) -> None:
    strange = copy.deepcopy(event)
    strange["data"]["object"] |= {
        "id": "cs_test_elsewhere",
        "payment_intent": "pi_3elsewhere",
        "metadata": {},
    }
    desk.hear([strange])
    assert WebhookOutcome.objects.get().result == "unknown"


def test_an_event_that_lies_is_not_believed(desk: Desk, dear_claim: Claim) -> None:
    """It says paid; the session, which is asked, does not."""
    payment = desk.offer(dear_claim)
    other = {**desk.vendor.sessions()[0], "status": "complete", "payment_status": "paid"}
    lie = {
        "id": "evt_1lie",
        "object": "event",
        "type": "checkout.session.completed",
        "created": int(desk.now.timestamp()),
        "livemode": False,
        "data": {"object": other},
    }
    desk.hear([lie])
    assert (fresh(payment).state, fresh(payment).claim.state) == ("open", "awaiting_payment")


class TestChangedOnTheWay:
    """What was paid is not what was asked for: nothing is sent, the money goes back, a person looks."""

    @pytest.mark.parametrize(
        ("change", "detail"),
        [
            ({"amount": 100}, "amount: 5400 USD asked, 100 USD taken"),
            ({"amount": 999_900}, "amount: 5400 USD asked, 999900 USD taken"),
            ({"currency": "jpy"}, "currency: 5400 USD asked, 5400 JPY taken"),
            ({"claim": "C-000000000000"}, "claim"),
        ],
    )
    def test_it_goes_back(self, desk: Desk, dear_claim: Claim, change: dict[str, Any], detail: str) -> None:
        payment = desk.offer(dear_claim)
        assert payment.session_id
        desk.vendor.tamper(payment.session_id, **change)
        desk.act(payment, "pay")
        desk.hear()
        desk.work()
        payment = fresh(payment)
        assert (payment.claim.state, payment.fulfilment.outcome) == ("awaiting_payment", "given_back")
        assert detail in Case.objects.get(reason="mismatch").detail
        (charge,) = desk.vendor.ledger()
        assert charge["refunded"] == charge["amount"] == payment.received

    def test_a_session_of_the_other_mode_is_left_alone(self, desk: Desk, dear_claim: Claim) -> None:
        payment = desk.offer(dear_claim)
        assert payment.session_id
        desk.act(payment, "pay")
        desk.vendor.tamper(payment.session_id, livemode=True)
        desk.hear()
        assert fresh(payment).state == "open"
        assert Case.objects.get().reason == "wrong_mode"


def test_a_burst_is_one_look_a_payment(desk: Desk, event: dict[str, Any]) -> None:
    """A burst after an outage: many events of one payment are worked by one look at it."""
    for number in range(40):
        deliver({**event, "id": f"evt_1burst{number}"}, now=desk.now)
    looks = "calls GET /checkout/sessions/{id}"
    before = desk.vendor.state()["tally"].get(looks, 0)
    desk.hear([])
    assert desk.vendor.state()["tally"][looks] == before + 1
    assert WebhookOutcome.objects.count() == 40
