"""The line is served in order, by whatever frees keys, and nobody who comes later is served before."""

from collections.abc import Callable
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from common import clock
from common.invariants import verify_all
from fulfillment.claims import jobs, selectors
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import WantedItem, compete_for_keys
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.waitlist import serve_waitlists
from inventory.models import Recall
from inventory.rules import Criteria
from inventory.services.recalls import lift_recall, open_recall
from inventory.services.receiving import receive_stock
from inventory.services.reservations import STOCK_CAME_FREE
from tests.conftest import USB_A, USB_C, MakeClaim, receive
from tests.fulfillment.claims.test_amendments_and_reviews import LATER, NOW

pytestmark = pytest.mark.django_db
ANY_PAIR = [WantedItem(None, 2)]


def state(claim: Claim) -> str:
    claim.refresh_from_db()
    return "offered" if claim.offered_until else claim.state


def an_early_and_a_late_claim(make_claim: MakeClaim) -> tuple[Claim, Claim]:
    first = make_claim("m-owner", items=ANY_PAIR)
    receive(now=NOW, each=1)
    return first, make_claim("m-second", items=ANY_PAIR, now=LATER)


def test_who_comes_later_waits_behind_those_who_wait(make_claim: MakeClaim) -> None:
    first, second = an_early_and_a_late_claim(make_claim)
    assert (first.state, second.state) == ("waitlisted", "waitlisted")
    assert serve_waitlists(now=LATER) == 1
    assert (state(first), state(second)) == ("offered", "waitlisted")
    assert verify_all().violations == []


def test_without_the_look_at_the_line_the_later_one_overtakes(
    make_claim: MakeClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "waitlist_wants", lambda models, *, campaign_id: False)
    first, second = an_early_and_a_late_claim(make_claim)
    assert (first.state, second.state) == ("waitlisted", "accepted")


def test_who_waits_for_another_model_holds_nobody_up(make_claim: MakeClaim) -> None:
    receive_stock(sku=USB_A, lot_reference="A", quantity=2, actor="staff", now=NOW)
    for_c = make_claim("m-owner", items=[WantedItem(USB_C, 2)])
    for_a = make_claim("m-second", items=[WantedItem(USB_A, 2)], now=LATER)
    assert (for_c.state, for_a.state) == ("waitlisted", "accepted")


def test_the_line_passes_over_who_waits_for_another_model(make_claim: MakeClaim) -> None:
    for_c = make_claim("m-owner", items=[WantedItem(USB_C, 2)])
    for_a = make_claim("m-second", items=[WantedItem(USB_A, 2)], now=LATER)
    receive_stock(sku=USB_A, lot_reference="A", quantity=2, actor="staff", now=NOW)
    assert serve_waitlists(now=LATER) == 1
    assert (state(for_c), state(for_a)) == ("waitlisted", "offered")


@pytest.mark.parametrize(
    ("wanted", "others", "do"),
    [
        ({1}, {1, 2}, True),
        ({1}, {2}, False),
        ({None}, {2}, True),
        ({1}, {None}, True),
        ({None}, set(), False),
        ({1}, set(), False),
    ],
)
def test_any_model_competes_with_every_model(
    wanted: set[int | None], others: set[int | None], do: bool
) -> None:
    assert compete_for_keys(wanted, others) is do


def a_receipt() -> None:
    receive(now=NOW, each=1, lot="LOT-2")


def a_cancellation() -> None:
    cancel_claim(code=Claim.objects.get(state="accepted").code, actor="claimant", now=LATER)


def a_lifted_recall() -> None:
    lift_recall(code=Recall.objects.get().code, actor="staff:bo", now=LATER)


@pytest.mark.parametrize("something_happens", [a_receipt, a_cancellation, a_lifted_recall])
def test_whatever_frees_keys_wakes_the_job_that_serves_the_line(
    make_claim: MakeClaim,
    something_happens: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    receive(now=NOW, each=1)
    make_claim("m-owner", items=ANY_PAIR)
    waiting = make_claim("m-second", items=ANY_PAIR, now=LATER)
    open_recall(criteria=Criteria(lot="HELD"), why="drill", actor="staff:ada", now=NOW)
    receive_stock(sku=USB_A, lot_reference="HELD", quantity=2, actor="staff", now=NOW)
    with django_capture_on_commit_callbacks(execute=True):
        something_happens()
    assert ProcrastinateJob.objects.filter(task_name=STOCK_CAME_FREE).count() == 1
    with clock.reading(lambda: LATER):
        jobs.serve_waitlists(timestamp=0)
    assert state(waiting) == "offered"
    assert verify_all().violations == []
