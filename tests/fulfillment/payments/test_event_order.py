"""Every permutation of a payment's events ends in the same state, however often each of them comes.

The vendor's books are as they are at the end; the events tell of it in any order. What each event would
say by itself is therefore beside the point, and these tests hold us to that.

Not each of n! orders is played from its beginning: what was heard is a set, and once two ways to the same set
are seen to end in the same standing, whatever follows follows for both. So it is enough to play each event from
each set of those heard before, 2^n sets in all, and every permutation is a way through them.
"""

import os
import random
from typing import Any

import pytest
from django.db import transaction

from common.invariants import verify_all
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.models import WebhookOutcome
from fulfillment.notices.models import Notice
from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.gateways.stripe import EVENTS
from fulfillment.payments.invariants import CHECKS
from fulfillment.payments.models import Dispute, Fulfilment, Payment, Refund
from fulfillment.payments.services import webhooks
from tests.fulfillment.payments.conftest import Desk, deliver, held

pytestmark = pytest.mark.django_db

# Stories of more events are walked whole by KEYDESK_LONG; the suite draws some orders of them, seeded by the name.
WHOLE = 99 if os.environ.get("KEYDESK_LONG") else 4
SAMPLE = 4


def story(desk: Desk, claim: Claim, name: str) -> Payment:
    """What happens at the vendor's; nobody here hears of it yet."""
    payment = desk.offer(claim)
    assert payment.session_id
    if name == "abandoned":
        desk.pass_time(hours=23, seconds=1)
        return payment
    if name.startswith("later"):
        desk.act(payment, "later")
        desk.act(payment, "succeed" if name == "later, paid" else "fail")
        return payment
    desk.act(payment, "decline")
    session = desk.act(payment, "pay")
    intent = session["payment_intent"]
    if name == "refunded by hand, in parts":
        desk.vendor.refund(intent, amount=2000)
        made = desk.vendor.refund(intent, amount=1000)
        desk.vendor.fail_refund(made["id"])
    if name in ("disputed, won", "disputed, lost"):
        dispute = desk.vendor.dispute(intent)
        desk.vendor.close_dispute(dispute["id"], name.rpartition(" ")[2])
    if name == "cancelled meanwhile":
        cancel_claim(code=claim.code, actor="claimant", now=desk.now)
    return payment


STORIES = (
    "paid",
    "abandoned",
    "later, paid",
    "later, refused",
    "refunded by hand, in parts",
    "disputed, won",
    "disputed, lost",
    "cancelled meanwhile",
)


def orders(events: list[dict[str, Any]], seed: str) -> list[tuple[dict[str, Any], ...]]:
    """A drawn sample of the orders that holds the two plainest ones."""
    draw = random.Random(seed)
    drawn = [tuple(draw.sample(events, len(events))) for _ in range(SAMPLE - 2)]
    return [tuple(events), tuple(reversed(events)), *drawn]


def standing(claim: Claim) -> dict[str, Any]:
    """All that a payment comes to, without the ids and times that differ from run to run."""
    claim.refresh_from_db()
    return {
        "claim": (claim.state, claim.held_at is not None, held(claim)),
        "events": list(ClaimEvent.objects.filter(claim=claim).order_by("id").values_list("name", flat=True)),
        "payments": list(Payment.objects.values_list("state", "received", "received_currency")),
        "fulfilments": list(Fulfilment.objects.values_list("outcome", "amount")),
        "refunds": sorted(Refund.objects.values_list("reason", "state", "amount")),
        "disputes": list(Dispute.objects.values_list("state", "amount")),
        "told": sorted(Notice.objects.values_list("template", flat=True)),
    }


class Walk:
    """Through every set of events heard, by every event that can come next, one of two of them twice."""

    def __init__(self, desk: Desk, claim: Claim, events: list[dict[str, Any]]) -> None:
        self._desk, self._claim, self._events = desk, claim, events
        self.seen: dict[frozenset[int], dict[str, Any]] = {}
        self.steps = 0

    def go(self, heard: frozenset[int] = frozenset()) -> None:
        """From what was heard on. A set that was reached before must look as it did then."""
        now = standing(self._claim)
        known = self.seen.setdefault(heard, now)
        assert now == known, sorted(heard)
        if known is not now:
            return
        assert WebhookOutcome.objects.count() == len(heard)
        assert verify_all(CHECKS).violations == []
        left = [number for number in range(len(self._events)) if number not in heard]
        for number in left:
            self._step(heard, [number] * (1 + number % 2))
        if len(left) > 1:
            # Nobody worked for a while, and then all at once.
            self._step(heard, left)

    def _step(self, heard: frozenset[int], numbers: list[int]) -> None:
        sid = transaction.savepoint()
        self.steps += 1
        for number in numbers:
            assert deliver(self._events[number], now=self._desk.now).status_code == 204
        webhooks.work_payment_webhooks(gateway=self._desk.gateway, now=self._desk.now)
        self.go(heard | set(numbers))
        transaction.savepoint_rollback(sid)
        self._claim.refresh_from_db()


def heard_of(desk: Desk) -> list[dict[str, Any]]:
    """The events of the story that we ask for."""
    return [event for event in desk.vendor.events() if event["type"] in EVENTS]


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_the_events_ends_the_same(desk: Desk, dear_claim: Claim, name: str) -> None:
    story(desk, dear_claim, name)
    events = heard_of(desk)
    if len(events) > WHOLE:
        _some_orders_end_the_same(desk, dear_claim, events, name)
        return
    walk = Walk(desk, dear_claim, events)
    walk.go()
    every = 2 ** len(events)
    assert len(walk.seen) == every
    # Each event from each set it is not in, and the rest at once where more than one is left.
    assert walk.steps == len(events) * every // 2 + every - len(events) - 1


def _some_orders_end_the_same(desk: Desk, claim: Claim, events: list[dict[str, Any]], name: str) -> None:
    ends: list[dict[str, Any]] = []
    for order in orders(events, seed=name):
        sid = transaction.savepoint()
        draw = random.Random(str([event["id"] for event in order]))
        for event in order:
            for _ in range(draw.choice([1, 1, 2, 3])):
                assert deliver(event, now=desk.now).status_code == 204
            # Worked one by one, all at once, or not before the next has come.
            if draw.random() < 0.6:
                webhooks.work_payment_webhooks(gateway=desk.gateway, now=desk.now)
        webhooks.work_payment_webhooks(gateway=desk.gateway, now=desk.now)
        ends.append(standing(claim))
        assert WebhookOutcome.objects.count() == len(events)
        assert verify_all(CHECKS).violations == []
        transaction.savepoint_rollback(sid)
        claim.refresh_from_db()
    assert all(end == ends[0] for end in ends)


EXPECTED = {
    "paid": ("accepted", "paid"),
    "abandoned": ("expired", "expired"),
    "later, paid": ("accepted", "paid"),
    "later, refused": ("expired", "failed"),
    "disputed, won": ("accepted", "paid"),
    "disputed, lost": ("cancelled", "paid"),
    "cancelled meanwhile": ("cancelled", "paid"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_and_the_end_is_the_right_one(desk: Desk, dear_claim: Claim, name: str) -> None:
    payment = story(desk, dear_claim, name)
    desk.hear()
    desk.work()
    payment.refresh_from_db()
    dear_claim.refresh_from_db()
    assert (dear_claim.state, payment.state) == EXPECTED[name]


def test_without_any_event_it_ends_the_same(desk: Desk, dear_claim: Claim) -> None:
    payment = story(desk, dear_claim, "paid")
    desk.pass_time(minutes=30)
    desk.sweep()
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_an_old_look_never_overwrites_a_new_one(
    desk: Desk, dear_claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers look; the one that looked first writes last. What it saw is asked again."""
    from fulfillment.payments.services.settlement import settle_payment

    payment = desk.offer(dear_claim)
    real = desk.gateway.retrieve_checkout
    looks: list[str] = []

    def slow(session_id: str) -> Any:
        seen = real(session_id)
        looks.append(seen.status)
        if len(looks) == 1:
            desk.act(payment, "pay")
            settle_payment(payment_id=payment.pk, gateway=desk.gateway, now=desk.now)
        return seen

    monkeypatch.setattr(desk.gateway, "retrieve_checkout", slow)
    settle_payment(payment_id=payment.pk, gateway=desk.gateway, now=desk.now)
    payment.refresh_from_db()
    assert looks == ["open", "complete", "complete"]
    assert payment.state == "paid"


def test_an_event_that_cannot_be_looked_at_waits(desk: Desk, dear_claim: Claim) -> None:
    story(desk, dear_claim, "paid")
    desk.vendor.add_fault("html", path="/checkout/sessions/*", count=3)
    assert desk.hear() == 0
    assert not WebhookOutcome.objects.filter(result="applied").exists()
    assert webhooks.work_payment_webhooks(gateway=desk.gateway, now=desk.now) > 0
    assert Payment.objects.get().state == "paid"


def test_no_look_no_change(desk: Desk, dear_claim: Claim) -> None:
    from fulfillment.payments.services.settlement import settle_payment

    payment = desk.offer(dear_claim)
    desk.act(payment, "pay")
    desk.vendor.add_fault("drop", path="/checkout/**", count=0)
    before = standing(dear_claim)
    with pytest.raises(PaymentGatewayError):
        settle_payment(payment_id=payment.pk, gateway=desk.gateway, now=desk.now)
    assert standing(dear_claim) == before
