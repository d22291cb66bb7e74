"""Many reservations at once: never an oversell, never a pair left over, no lost wake-up."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction

from inventory.errors import InsufficientStock
from inventory.models import KeyModel, Unit
from inventory.rules import Wanted
from inventory.services.reservations import lock_shortage, release, reserve
from tests.inventory.conftest import NOW, Receive, run_sql, violations

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 32


@pytest.fixture
def receive(transactional_db: None, receive: Receive) -> Receive:
    return receive


def at_once(works: list[Callable[[], object]]) -> list[object]:
    """Run all of them, each in a thread with a connection of its own; results and exceptions, as they come."""
    barrier = threading.Barrier(min(len(works), THREADS))

    def run(work: Callable[[], object]) -> object:
        try:
            barrier.wait(10)
            return work()
        except (InsufficientStock, IntegrityError) as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in as_completed(pool.submit(run, work) for work in works)]


def claim(number: int, *wanted: tuple[int | None, int]) -> Callable[[], list[Unit]]:
    def work() -> list[Unit]:
        with transaction.atomic():
            return reserve(
                holder=f"C-{number}", wanted=[Wanted(*item) for item in wanted], actor="claimant", now=NOW
            )

    return work


def count_sold(results: list[object]) -> int:
    assert {type(result) for result in results} <= {list, InsufficientStock}
    return sum(isinstance(result, list) for result in results)


@contextmanager
def taking_changed(change: Callable[[str], str]) -> Iterator[None]:
    """The database function that takes units, for a while with another text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('inventory_take_units'::regproc)")
        original = str(cursor.fetchone()[0])
        changed = change(original)
        assert changed != original
        cursor.execute(changed.replace("%", "%%"))
    try:
        yield
    finally:
        run_sql(original.replace("%", "%%"))


def slow(text: str) -> str:
    """Leaves time between picking and moving, so that whatever can go wrong does."""
    return text.replace("    INSERT INTO", "    PERFORM pg_sleep(0.03);\n    INSERT INTO")


def without_locks(text: str) -> str:
    return slow(text).replace("FOR NO KEY UPDATE SKIP LOCKED", "").replace("FOR NO KEY UPDATE", "")


@pytest.mark.parametrize(("usb_a", "usb_c"), [(20, 0), (21, 0), (10, 11), (1, 40), (0, 1)])
def test_pairs_of_any_never_oversell_and_leave_no_pair(receive: Receive, usb_a: int, usb_c: int) -> None:
    for units, sku in ((usb_a, "KD-A-NFC"), (usb_c, "KD-C-NFC")):
        if units:
            receive(units, sku=sku)
    results = at_once([claim(number, (None, 2)) for number in range(THREADS)])
    assert count_sold(results) == min((usb_a + usb_c) // 2, THREADS)
    assert Unit.objects.available().count() == usb_a + usb_c - 2 * count_sold(results)
    assert not violations()


def test_named_pairs_never_oversell_and_leave_no_pair(
    receive: Receive, catalogue: tuple[KeyModel, KeyModel]
) -> None:
    usb_a, usb_c = catalogue
    receive(13)
    receive(17, sku="KD-C-NFC")
    # In both orders: requests that lock in different orders are how deadlocks are made.
    wishes = [((usb_a.pk, 1), (usb_c.pk, 1)), ((usb_c.pk, 1), (usb_a.pk, 1))]
    results = at_once([claim(number, *wishes[number % 2]) for number in range(THREADS)])
    assert count_sold(results) == 13
    assert not violations()


def test_with_time_between_picking_and_moving_it_still_holds(receive: Receive) -> None:
    receive(15)
    with taking_changed(slow):
        assert count_sold(at_once([claim(number, (None, 2)) for number in range(16)])) == 7
    assert not violations()


def test_without_the_locks_the_race_is_there(receive: Receive) -> None:
    """Two requests pick the same units. That the ledger then refuses the second is its own doing."""
    receive(15)
    with taking_changed(without_locks):
        results = at_once([claim(number, (None, 2)) for number in range(16)])
    assert any(isinstance(result, IntegrityError) for result in results)
    assert not violations()


def test_mixed_reserving_and_releasing_keeps_the_books(receive: Receive) -> None:
    receive(9)
    receive(9, sku="KD-C-NFC")

    def come_and_go(number: int) -> Callable[[], object]:
        def work() -> object:
            for _ in range(5):
                claim(number, (None, 2))()
                release(holder=f"C-{number}", actor="claimant", now=NOW)
            return []

        return work

    # Each gives back what it took before it takes again, so up to 9 pairs are out and 9 threads never lack one.
    results = at_once([come_and_go(number) for number in range(9)])
    assert results == [[]] * 9
    assert Unit.objects.available().count() == 18
    assert not violations()


def wait_for(blocked: str) -> None:
    """Until some session waits for a lock of this type."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = %s", [blocked])
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(work())
        except InsufficientStock as refusal:
            outcome.append(refusal)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_before_saying_no_it_waits_for_units_that_may_come_back(receive: Receive) -> None:
    """Somebody holds one of the last two, and gives up."""
    receive(2)
    with transaction.atomic():
        claim(1, (None, 1))()
        thread, outcome = in_thread(claim(2, (None, 2)))
        wait_for("transactionid")
        assert not outcome
        transaction.set_rollback(True)
    thread.join()
    assert [len(units) for units in outcome] == [2]  # type: ignore[arg-type]
    assert not violations()


def test_a_place_on_the_waitlist_is_never_missed(receive: Receive) -> None:
    """Units come free while somebody is being told there are none: they look at the waitlist after that."""
    receive(2)
    claim(1, (None, 2))()
    story: list[str] = []

    def give_back() -> None:
        with transaction.atomic():
            release(holder="C-1", actor="claimant", now=NOW)
            lock_shortage()
            story.append("looked at the waitlist")

    with transaction.atomic():
        with pytest.raises(InsufficientStock):
            claim_inside()
        thread, _ = in_thread(give_back)
        wait_for("advisory")
        story.append("waitlisted")
    thread.join()
    assert story == ["waitlisted", "looked at the waitlist"]
    assert Unit.objects.available().count() == 2


def claim_inside() -> None:
    reserve(holder="C-2", wanted=[Wanted(None, 2)], actor="claimant", now=NOW)


def test_two_who_each_took_one_of_the_last_two_do_not_wait_for_each_other(receive: Receive) -> None:
    receive(2)
    with taking_changed(slow):
        for round_number in range(5):
            results = at_once([claim(10 * round_number + number, (None, 2)) for number in range(4)])
            assert count_sold(results) == 1
            for unit in Unit.objects.exclude(held_for=None)[:1]:
                release(holder=str(unit.held_for), actor="claimant", now=NOW)
