"""The crash matrix: every step × every fault of docs/vendors.md § 4, others racing; and that each guard is needed.

The whole of it, slow answers after a lost creation included, plays with KEYDESK_LONG=1.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.db import connection

from fulfillment.claims.models import Claim
from fulfillment.postage.rules import purchases as purchase_rules
from fulfillment.postage.rules.purchases import PurchaseAnswer, Recovery
from fulfillment.postage.services import (
    purchase_transitions,
    purchasing,
    rating,
    recovery,
    shipment_planning,
)
from fulfillment.shipments.carrier import CarrierGateway
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from sandbox.server import Sandbox
from tests.conftest import MakeClaim
from tests.fulfillment.postage import crash_matrix
from tests.fulfillment.postage.crash_matrix import (
    ENDS,
    FAULTS,
    OTHERWISE_READ,
    POINTS,
    SIMULATED,
    Scenario,
    play,
)

pytestmark = pytest.mark.django_db

IS_LONG = bool(os.environ.get("KEYDESK_LONG"))
Play = Callable[..., list[str]]

# Whoever goes on in the middle of a transaction holds it open; that is a lock, not a scenario.
PLACES: list[tuple[str | None, str]] = [
    (None, "killed"),
    *((point, end) for point, end in product(POINTS, ENDS) if end == "killed" or "middle" not in point),
]
# Between sending the purchase and writing down its answer, where every kind of answer matters.
AROUND_THE_PURCHASE = (None, "about to buy", "bought, the answer not written down")


# Enough to tell apart what a worker that lives finds elsewhere: nothing, no label, a label.
TELLING = ("none", "dropped before its effect", "dropped after its effect", "HTML 502 after its effect")


def is_played(scenario: Scenario) -> bool:
    """All in the long run. Else the faults of docs/vendors.md § 4.5 wherever a worker dies, some of them after a lost creation;
    the telling ones wherever it lives; and every way to read an answer around the purchase itself."""
    if IS_LONG:
        return True
    if scenario.create_lost:
        return scenario.end == "killed" and scenario.fault in ("none", "dropped after its effect")
    if scenario.point in AROUND_THE_PURCHASE:
        dies = scenario.fault in SIMULATED or scenario.fault in OTHERWISE_READ
        lives = scenario.fault in TELLING or scenario.fault in OTHERWISE_READ
        return {"killed": dies, "stalled": lives, "raced": scenario.fault in SIMULATED}[scenario.end]
    return scenario.fault in (SIMULATED if scenario.end == "killed" else TELLING)


@pytest.fixture
def playing(make_claim: MakeClaim, stock: None, stand_in: Sandbox, now: datetime) -> Play:
    """Plays scenarios, each as if it were the first, on one accepted claim."""
    claim = make_claim()
    return partial(play, claim_id=claim.pk, vendor=stand_in.control, api_base=stand_in.easypost_url, now=now)


@pytest.mark.parametrize(("point", "end"), PLACES, ids=[f"{end} at {point}" for point, end in PLACES])
def test_one_label_is_bought_whatever_the_vendor_does_while_workers_race_and_one_is(
    point: str | None, end: str, playing: Play
) -> None:
    scenarios = [
        scenario
        for fault, create_lost in product(FAULTS, (False, True))
        if is_played(scenario := Scenario(fault, point, end, create_lost))
    ]
    assert len(scenarios) >= len(TELLING)
    assert [one for scenario in scenarios for one in playing(scenario)] == []


# That each guard is needed: without it, the scenario that it is there for ends badly.

Patch = pytest.MonkeyPatch


def take_any(purchase: LabelPurchase, **given: Any) -> bool:
    """In place of a conditional update that says who goes on: everybody does."""
    return True


def start_whatever_it_is(
    purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime
) -> bool:
    LabelPurchase.objects.filter(pk=purchase.pk).update(
        state=PurchaseState.BUYING,
        buy_attempts=purchase.buy_attempts + 1,
        buy_started_at=now,
        lease_owner=worker,
        lease_until=now + purchase_rules.settle_interval(gateway.timeout),
    )
    purchase.refresh_from_db()
    return True


def without_lease_on_the_creation(patch: Patch) -> None:
    patch.setattr(rating, "_take", take_any)


def without_the_attempts_number(patch: Patch) -> None:
    patch.setattr(purchase_transitions, "_attempt", lambda purchase: {})


def without_the_race_for_the_attempt(patch: Patch) -> None:
    patch.setattr(purchasing, "_start_attempt", start_whatever_it_is)


def without_lease_on_the_recovery(patch: Patch) -> None:
    patch.setattr(recovery, "_take", take_any)


def without_settling(patch: Patch) -> None:
    for module in (rating, purchasing, recovery):
        patch.setattr(module, "settle_interval", lambda timeout: timedelta(0))
    # The purchase must still be under way when the others come.
    slow = [{**fault, "seconds": 2.0} for fault in FAULTS["slow beyond the timeout"]]
    patch.setitem(FAULTS, "slow beyond the timeout", slow)
    patch.setattr(crash_matrix, "SLOW_S", 2.0)


def without_a_second_look(patch: Patch) -> None:
    patch.setattr(recovery, "after_an_empty_look", lambda **given: Recovery.BUY_AGAIN)


def without_asking_after_a_refusal(patch: Patch) -> None:
    patch.setattr(purchase_transitions, "adopt_label", lambda purchase, **given: False)


def without_the_list_of_refusals(patch: Patch) -> None:
    patch.setattr(purchasing, "read_answer", lambda code, status: PurchaseAnswer.REFUSED)


def without_writing_down_once(patch: Patch) -> None:
    original = purchase_transitions._is_first_to_write

    def write_and_go_on(*args: Any, **given: Any) -> bool:
        original(*args, **given)
        return True

    patch.setattr(purchase_transitions, "_is_first_to_write", write_and_go_on)


def without_the_vendors_id_beforehand(patch: Patch) -> None:
    original = purchase_transitions.make_ready

    def buy_first(purchase: LabelPurchase, **changes: Any) -> bool:
        from fulfillment.postage import gateways

        if "vendor_shipment_id" in changes and purchase.state == PurchaseState.PLANNED:
            gateways.carrier_gateway().buy(changes["vendor_shipment_id"], changes["rate_id"])
        return bool(original(purchase, **changes))

    patch.setattr(purchase_transitions, "make_ready", buy_first)


def without_the_claims_mark(patch: Patch) -> None:
    patch.setattr(shipment_planning, "start_label", lambda claim_id, now: Claim.objects.get(pk=claim_id))


def without_constraint(name: str) -> Callable[[Patch], None]:
    def drop(patch: Patch) -> None:
        _execute(f"ALTER TABLE shipping_labelpurchase DROP CONSTRAINT {name}")

    return drop


def without_the_partial_index(patch: Patch) -> None:
    _execute("DROP INDEX one_live_purchase_per_shipment")


def without_the_table_of_transitions(patch: Patch) -> None:
    _execute("ALTER TABLE shipping_labelpurchase DISABLE TRIGGER USER")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        # A table with deferred checks pending cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


@dataclass(frozen=True)
class Guard:
    remove: Callable[[Patch], None]
    scenario: Scenario
    sign: str
    """What the matrix finds, in part."""


GUARDS = {
    "the lease on the creation": Guard(
        without_lease_on_the_creation, Scenario(point=POINTS[1], end="raced"), "vendor shipments: 2"
    ),
    "the number of the attempt": Guard(
        without_the_attempts_number, Scenario(point=POINTS[2], end="stalled"), "Error"
    ),
    "the race for the attempt": Guard(
        without_the_race_for_the_attempt, Scenario(point=POINTS[3], end="raced"), "Error"
    ),
    "the lease on the recovery": Guard(
        without_lease_on_the_recovery, Scenario(point=POINTS[4]), "looks of two at once"
    ),
    "the settle interval": Guard(without_settling, Scenario("slow beyond the timeout"), "expected 0"),
    "the second look": Guard(
        without_a_second_look, Scenario("bought, but not shown at first"), "second purchases asked for"
    ),
    "the question after a refusal": Guard(
        without_asking_after_a_refusal, Scenario("refused for good, yet bought"), "state: failed"
    ),
    "the list of definite refusals": Guard(
        without_the_list_of_refusals, Scenario("slow beyond the timeout"), "state: failed"
    ),
    "one answer written down": Guard(
        without_writing_down_once, Scenario(point=POINTS[5], end="stalled"), "labels in the story: 2"
    ),
    "the vendor's id stored before the purchase": Guard(
        without_the_vendors_id_beforehand, Scenario(point=POINTS[5]), "labels the vendor sold: 2"
    ),
    "the mark on the claim": Guard(without_the_claims_mark, Scenario(), "IntegrityError"),
    "one live purchase a parcel": Guard(
        without_the_partial_index, Scenario(point=POINTS[4], end="raced"), "labels the vendor sold: 2"
    ),
    "the table of transitions": Guard(
        without_the_table_of_transitions, Scenario(point=POINTS[5], end="raced"), "labels the vendor sold: 2"
    ),
    "no purchase without the vendor's id": Guard(
        without_constraint("no_purchase_without_the_vendors_id"),
        Scenario(point=POINTS[1], end="raced"),
        "AssertionError",
    ),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_the_matrix_fails_without(guard: Guard, playing: Play, monkeypatch: Patch) -> None:
    assert playing(guard.scenario) == []
    guard.remove(monkeypatch)
    assert guard.sign in "; ".join(playing(guard.scenario))


def test_the_matrix_fails_at_a_vendor_that_sells_two_labels_on_one_shipment(playing: Play) -> None:
    """What the protocol rests on, and the first thing that `go_live_check` asks the real vendor."""
    stalled = Scenario(point="about to buy", end="stalled")
    assert playing(stalled) == []
    found = playing(stalled, one_label_a_shipment=False)
    assert any("labels the vendor sold: 2" in one for one in found)
