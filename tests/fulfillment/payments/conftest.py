"""Stripe's stand-in in a process of its own, the real gateway to it, and claims that cost something."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from common import clock
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.models import Campaign, Claim, PriceList, Region
from fulfillment.claims.rules import WantedItem
from fulfillment.payments.gateways.stripe import StripeGateway
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.services import expiry, webhooks
from fulfillment.payments.services.checkout import start_checkout
from fulfillment.payments.services.refunds import send_refund
from inventory.models import Unit
from sandbox.server import Sandbox
from sandbox.stripe.client import StripeControl
from sandbox.stripe.webhook_delivery import sign_stripe_event
from tests.conftest import USB_A, USB_C, MakeClaim
from tests.fulfillment.conftest import forget_jobs

TIMEOUT_S = 2
SECRET = "whsec_tests-new"
PRICES: dict[str, Any] = {
    "version": "2022-07",
    "currency": "USD",
    "extra_key": 2900,
    "max_extra_keys": 3,
    "shipping": {"*": 1800},
    "express": {"*": 2500},
}
# An extra key, and express: 54.00 dollars.
TOTAL = 5400


@pytest.fixture(scope="session")
def vendor_process() -> Iterator[Sandbox]:
    with Sandbox(start_at=datetime(2022, 7, 11, 12, 0, tzinfo=UTC)) as running:
        yield running


@pytest.fixture
def stand_in(vendor_process: Sandbox, now: datetime) -> Sandbox:
    """The stand-in, empty and without faults, at the moment of the test."""
    vendor_process.control.reset(now=now)
    return vendor_process


@pytest.fixture
def vendor(stand_in: Sandbox) -> StripeControl:
    """The stand-in's strings: its faults, its payers, its books."""
    return stand_in.stripe


@pytest.fixture
def gateway(stand_in: Sandbox) -> Iterator[StripeGateway]:
    made = gateway_to(stand_in)
    yield made
    made.close()


def gateway_to(stand_in: Sandbox) -> StripeGateway:
    return StripeGateway(
        secret_key="sk_test_tests", api_base=stand_in.stripe_url, mode="test", timeout_s=TIMEOUT_S
    )


@pytest.fixture(autouse=True)
def _no_jobs_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """The queue is no table of Django's, so nobody empties it after a test that commits."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    commits = bool(marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if commits else "db")
    forget_jobs()
    yield
    if commits:
        forget_jobs()


@pytest.fixture
def prices(campaign: Campaign, now: datetime) -> PriceList:
    return publish_prices(
        campaign=campaign, document={**PRICES, "valid_from": now.isoformat()}, actor="staff", now=now
    )


@pytest.fixture
def dear_claim(make_claim: MakeClaim, prices: PriceList, stock: None) -> Claim:
    """One with an extra key and express shipping to a region that is not sponsored, to be paid."""
    Region.objects.filter(country="US").update(is_sponsored=False)
    return make_claim(items=[WantedItem(USB_A, 2), WantedItem(USB_C, 1)], service="express")


class Desk:
    """What the workers and the edge do in a test, one thing at a time, at a time of the test's choosing."""

    def __init__(self, stand_in: Sandbox, gateway: StripeGateway, now: datetime) -> None:
        self.stand_in, self.gateway, self.now = stand_in, gateway, now
        self.vendor = stand_in.stripe

    def pass_time(self, **ahead: float) -> datetime:
        self.now += timedelta(**ahead)
        self.stand_in.control.set_clock(self.now)
        return self.now

    def offer(self, claim: Claim) -> Payment:
        """Open the payment page of a claim."""
        start_checkout(code=claim.code, gateway=self.gateway, now=self.now)
        return claim.payments.order_by("-attempt")[0]

    def act(self, payment: Payment, way: str) -> dict[str, Any]:
        """The payer, or their bank, does something on the vendor's side."""
        assert payment.session_id
        return self.vendor.act(payment.session_id, way)

    def hear(self, events: Iterable[dict[str, Any]] | None = None) -> int:
        """Deliver events (all there are, by default) at the door, and work them."""
        for event in self.vendor.events() if events is None else events:
            assert deliver(event, now=self.now).status_code == 204
        return webhooks.work_payment_webhooks(gateway=self.gateway, now=self.now)

    def work(self) -> None:
        """Work every payments job that waits, and what those defer."""
        while True:
            jobs = ProcrastinateJob.objects.filter(task_name__startswith="payments.", status="todo")
            waiting = list(jobs.order_by("id").values_list("task_name", "args"))
            forget_jobs()
            if not waiting:
                return
            for name, arguments in waiting:
                if name == "payments.settle_claim":
                    expiry.settle_claim(**arguments, gateway=self.gateway, now=self.now)
                elif name == "payments.send_refund":
                    send_refund(**arguments, gateway=self.gateway, now=self.now)

    def sweep(self) -> None:
        expiry.expire_due_claims(gateway=self.gateway, now=self.now)
        expiry.ask_after_silence(gateway=self.gateway, now=self.now)


@pytest.fixture
def desk(stand_in: Sandbox, gateway: StripeGateway, now: datetime) -> Desk:
    return Desk(stand_in, gateway, now)


Paid = Callable[[], Payment]


@pytest.fixture
def paid(desk: Desk, dear_claim: Claim) -> Payment:
    """A claim's payment, paid and heard of."""
    payment = desk.offer(dear_claim)
    desk.act(payment, "pay")
    desk.hear()
    return fresh(payment)


def deliver(event: dict[str, Any], *, now: datetime, secret: str = SECRET, at: datetime | None = None) -> Any:
    """Post an event to the door, signed as the vendor signs."""
    body = json.dumps(event).encode()
    with clock.reading(lambda: now):
        return Client().post(
            "/api/v1/webhooks/stripe",
            data=body,
            content_type="application/json",
            headers={"Stripe-Signature": sign_stripe_event([secret], body, at=at or now)},
        )


def fresh(payment: Payment) -> Payment:
    return Payment.objects.select_related("claim").get(pk=payment.pk)


def held(claim: Claim) -> int:
    return Unit.objects.held_by(claim.code).count()


def refunds_of(payment: Payment) -> list[tuple[str, str, int]]:
    """Reason, state and amount of each refund, in order."""
    return list(
        Refund.objects.filter(payment=payment).order_by("pk").values_list("reason", "state", "amount")
    )
