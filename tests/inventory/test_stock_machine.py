"""All that can be done to stock, several people at once, in any order: no invariant ever breaks.

A step is one to four operations in threads of their own, on the real server. A refusal is fine; anything else
is not, a deadlock included. KEYDESK_LONG=1 runs 10,000 steps instead of some tens.
"""

import os
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from inventory.default_key_models import ensure_catalogue
from inventory.errors import InventoryError
from inventory.invariants import GUARDED
from inventory.models import Bin, Count, CountState, Movement, Recall, Unit, WriteOff
from inventory.rules import COUNT_REASONS, Criteria, Wanted
from inventory.services import bin_transfers, counts, quarantine, recalls
from inventory.services.expiry import release_expired, set_reservation_expiry
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from inventory.services.reservations import release, reserve, reserve_in_part, swap
from tests.inventory.conftest import NOW, run_sql, violations

LONG = bool(os.environ.get("KEYDESK_LONG"))
HOLDERS = ["C-1", "C-2", "C-3"]
PEOPLE = ["staff:ada", "staff:bo"]
PEOPLE_AT_ONCE = 4
STEPS_AN_EXAMPLE = 50
_numbers = count(1)

Pick = Callable[[list[Any]], Any]


def some(pick: Pick, **where: Any) -> list[str]:
    """Up to two serials, of those that stand somewhere."""
    serials = list(Unit.objects.filter(**where).order_by("serial").values_list("serial", flat=True)[:40])
    return sorted({pick(serials), pick(serials)}) if serials else ["NO-SUCH-KEY"]


def a_receipt(pick: Pick, actor: str) -> None:
    quantity = pick([1, 2, 3])
    serials = [f"SN-{next(_numbers):06d}" for _ in range(quantity)]
    sku = pick(["KD-A-NFC", "KD-C-NFC"])
    receive_stock(
        sku=sku,
        lot_reference=f"L-{pick([1, 2, 3])} {sku}",
        serials=serials,
        firmware="5.4",
        actor=actor,
        now=NOW,
    )


def a_reservation(pick: Pick, actor: str) -> None:
    wanted = [Wanted(None, pick([1, 2]))]
    with transaction.atomic():
        pick([reserve, reserve_in_part])(holder=pick(HOLDERS), wanted=wanted, actor="claimant", now=NOW)


def a_release(pick: Pick, actor: str) -> None:
    release(holder=pick(HOLDERS), actor="claimant", now=NOW)


def an_expiry(pick: Pick, actor: str) -> None:
    set_reservation_expiry(holder=pick(HOLDERS), expires_at=NOW)
    release_expired(now=NOW + timedelta(hours=1))


def a_swap(pick: Pick, actor: str) -> None:
    holder = pick(HOLDERS)
    (old, *_), (new, *_) = some(pick, held_for=holder, account="reserved"), some(pick, account="available")
    swap(holder=holder, old_serial=old, new_serial=new, actor=actor, now=NOW)


def a_step_of_a_parcel(pick: Pick, actor: str) -> None:
    to_account, reason = pick(
        [("packed", "pack"), ("reserved", "unpack"), ("in_transit", "hand_over"), ("delivered", "deliver")]
    )
    move(holder=pick(HOLDERS), to_account=to_account, reason=reason, actor=actor, now=NOW)


def a_put_away(pick: Pick, actor: str) -> None:
    serials = some(pick, account=pick(["available", "quarantine", "held"]))
    bin_transfers.put_away(serials=serials, bin_label=pick(["MAIN/A-01", "MAIN/Q-01"]), actor=actor, now=NOW)


def a_quarantine(pick: Pick, actor: str) -> None:
    serials = some(pick, account=pick(["available", "reserved", "delivered", "held", "missing"]))
    quarantine.quarantine(serials=serials, actor=actor, now=NOW, reference="case 1")


def a_destruction(pick: Pick, actor: str) -> None:
    if pick([True, False]):
        quarantine.propose_destruction(serials=some(pick, account="quarantine"), actor=actor, now=NOW)
    else:
        codes = list(WriteOff.objects.filter(approved_by=None).values_list("code", flat=True))
        quarantine.destroy(code=pick(codes or ["W-NONE"]), actor=actor, now=NOW)


def a_count(pick: Pick, actor: str) -> None:
    if pick([True, False]):
        target = Bin.objects.get(code="A-01")
        there = [unit.serial for unit in counts.units_booked_in(target)]
        scanned = there[: -pick([1, 2])] if pick([True, False]) else [*there, *some(pick)]
        counts.count_bin(bin_label="MAIN/A-01", serials=scanned, actor=actor, now=NOW)
        return
    waiting = Count.objects.filter(state=CountState.COUNTED).first()
    if waiting and pick([True, True, False]):
        reasons = {one.serial: pick(sorted(COUNT_REASONS[one.kind])) for one in waiting.differences.all()}
        counts.approve_count(code=waiting.code, reasons=reasons, actor=actor, now=NOW)
    elif waiting:
        counts.cancel_count(code=waiting.code, actor=actor, now=NOW)


def a_recall(pick: Pick, actor: str) -> None:
    what = pick(["open", "lift", "lift", "again"])
    if what == "open" and Recall.objects.open().count() < 2:
        criteria = pick([Criteria(lot=f"L-{pick([1, 2, 3])} KD-A-NFC"), Criteria(serials=tuple(some(pick)))])
        recalls.open_recall(criteria=criteria, why="drill", actor=actor, now=NOW)
    elif what == "lift":
        codes = list(Recall.objects.open().values_list("code", flat=True))
        recalls.lift_recall(code=pick(codes or ["R-NONE"]), actor=actor, now=NOW)
    else:
        recalls.hold_recalled(actor="system:recall", now=NOW)


OPERATIONS = [
    *(a_receipt, a_receipt, a_reservation, a_reservation, a_release, an_expiry, a_swap),
    *(a_step_of_a_parcel, a_step_of_a_parcel, a_put_away, a_put_away),
    *(a_quarantine, a_destruction, a_count, a_recall),
]


class Store(RuleBasedStateMachine):
    """People at work in a store that starts empty: few keys, so that they get in each other's way."""

    steps = 0
    operations = 0
    movements = 0
    failures: ClassVar[list[str]] = []
    people: ClassVar[ThreadPoolExecutor]

    def __init__(self) -> None:
        super().__init__()
        open_an_empty_store()

    def teardown(self) -> None:
        assert not violations()
        Store.movements += Movement.objects.count()

    @rule(
        work=st.lists(
            st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(PEOPLE), st.integers(0, 2**32)),
            min_size=1,
            max_size=PEOPLE_AT_ONCE,
        )
    )
    def people_work_at_once(self, work: list[tuple[Callable[[Pick, str], None], str, int]]) -> None:
        Store.steps += 1
        Store.operations += len(work)
        for done in [Store.people.submit(_do, *one) for one in work]:
            done.result()

    @invariant()
    def every_key_received_is_on_the_books(self) -> None:
        assert (
            Movement.objects.filter(reason="receive").count()
            == Unit.objects.exclude(account="supplier").count()
        )
        assert not Store.failures


def _do(operation: Callable[[Pick, str], None], actor: str, seed: int) -> None:
    """Do it, choosing by the digits of a number that hypothesis drew."""
    digits = [seed]

    def pick(choices: list[Any]) -> Any:
        digits[0] = (digits[0] * 6364136223846793005 + 1442695040888963407) % 2**64
        return choices[(digits[0] >> 33) % len(choices)]

    try:
        operation(pick, actor)
    except InventoryError:
        pass
    except Exception:
        # Hypothesis would tell that it did not happen again, and not what it was.
        Store.failures.append(f"{operation.__name__}:\n{traceback.format_exc()}")


def open_an_empty_store() -> None:
    tables = ", ".join(model._meta.db_table for model in GUARDED)
    with transaction.atomic():
        # What no guard would let pass: see tests/flushing.py.
        run_sql("SET LOCAL session_replication_role = replica")
        run_sql(f"TRUNCATE {tables}, inventory_expiry CASCADE")
    ensure_catalogue(NOW)
    bin_transfers.add_warehouse(
        code="MAIN",
        name="Main store",
        bins=["A-01"],
        quarantine="Q-01",
        contact_name="Stores",
        street1="1 Store Street",
        city="Delft",
        country="NL",
    )


def run(steps: int) -> None:
    Store.steps = Store.operations = Store.movements = 0
    Store.failures.clear()
    # The same people all the time: a connection of its own for each operation takes longer than most of them.
    Store.people = ThreadPoolExecutor(PEOPLE_AT_ONCE)
    try:
        run_state_machine_as_test(
            Store,
            settings=settings(
                max_examples=max(1, steps // STEPS_AN_EXAMPLE),
                stateful_step_count=STEPS_AN_EXAMPLE,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                # Threads do not repeat themselves, so nothing can be shrunk.
                phases=[Phase.generate],
            ),
        )
    finally:
        for goodbye in [
            Store.people.submit(_leave, barrier) for barrier in [Barrier(PEOPLE_AT_ONCE)] * PEOPLE_AT_ONCE
        ]:
            goodbye.result()
        Store.people.shutdown()
        if Store.failures:
            pytest.fail(Store.failures[0])
    print(f"{Store.steps:,} steps, {Store.operations:,} operations, {Store.movements:,} movements")


def _leave(everybody: Barrier) -> None:
    """Close this thread's connection; none does so twice, for all wait until each has come."""
    everybody.wait(timeout=30)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_whatever_people_do_at_once_no_invariant_breaks() -> None:
    run(150)
    assert Store.movements > Store.steps


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not LONG, reason="10,000 steps take long: KEYDESK_LONG=1 runs them")
def test_ten_thousand_steps_break_no_invariant() -> None:
    run(12_000)
    assert Store.steps >= 10_000
