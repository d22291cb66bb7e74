"""Any sequence of operations leaves the ledger as a few lines of Python say, and no invariant broken."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from inventory.default_key_models import ensure_catalogue
from inventory.errors import InsufficientStock, InventoryError
from inventory.models import Movement, Unit
from inventory.rules import HOLDING_ACCOUNTS, MOVES, SIGNED_REASONS, Account, Reason, Wanted, move_allowed
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from inventory.services.reservations import release, reserve, swap
from tests.inventory.conftest import NOW, violations

HOLDERS = st.sampled_from(["C-1", "C-2", "C-3"])
ACCOUNTS = st.sampled_from([account.value for account in Account])
REASONS = st.sampled_from([reason.value for reason in Reason])
MOVE = st.sampled_from(
    [
        (str(a), str(b), str(reason))
        for (a, b), reasons in sorted(MOVES.items())
        for reason in sorted(reasons - set(SIGNED_REASONS))
    ]
)


class Ledger(RuleBasedStateMachine):
    """Keeps its own books: serial → (account, holder)."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.models = ensure_catalogue(NOW)
        self.books: dict[str, tuple[str, str | None]] = {}
        self.model_of: dict[str, int] = {}
        self.hours = count(1)
        self.numbers = count(1)

    def teardown(self) -> None:
        found = violations()
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        assert not found

    def now(self) -> datetime:
        return NOW + timedelta(hours=next(self.hours))

    def standing(self, account: str, holder: str | None = None) -> list[str]:
        return [serial for serial, place in self.books.items() if place == (account, holder)]

    @rule(model=st.sampled_from([0, 1]), quantity=st.integers(1, 3))
    def receive(self, model: int, quantity: int) -> None:
        serials = [f"SN-{next(self.numbers):04d}" for _ in range(quantity)]
        receive_stock(
            sku=self.models[model].sku, lot_reference=f"L-{serials[0]}", serials=serials, actor="staff:ada", now=self.now()
        )  # fmt: skip
        for serial in serials:
            self.books[serial] = ("available", None)
            self.model_of[serial] = self.models[model].pk

    @rule(holder=HOLDERS, quantity=st.integers(1, 3), model=st.sampled_from([None, 0, 1]))
    def reserve(self, holder: str, quantity: int, model: int | None) -> None:
        key_model = None if model is None else self.models[model].pk
        there = [
            serial
            for serial in self.standing("available")
            if key_model is None or self.model_of[serial] == key_model
        ]
        try:
            units = reserve(
                holder=holder, wanted=[Wanted(key_model, quantity)], actor="claimant", now=self.now()
            )
        except InsufficientStock:
            assert len(there) < quantity
        else:
            assert len(units) == quantity
            assert {unit.serial for unit in units} <= set(there)
            self.books |= {unit.serial: ("reserved", holder) for unit in units}

    @rule(holder=HOLDERS)
    def release(self, holder: str) -> None:
        try:
            units = release(holder=holder, actor="claimant", now=self.now())
        except InventoryError:
            assert self.standing("packed", holder)
        else:
            assert {unit.serial for unit in units} == set(self.standing("reserved", holder))
            self.books |= {unit.serial: ("available", None) for unit in units}

    @rule(step=MOVE, holder=HOLDERS)
    def move_what_the_table_allows(self, step: tuple[str, str, str], holder: str) -> None:
        origin, to_account, reason = step
        held = origin in HOLDING_ACCOUNTS
        serials = self.standing(origin, holder if held else None)[:2]
        if not serials or "supplier" in step or step == ("available", "reserved", "reserve"):
            return
        units = list(Unit.objects.filter(serial__in=serials))
        move(
            units=units,
            to_account=to_account,
            reason=reason,
            reference=holder,
            actor="staff:ada",
            now=self.now(),
        )
        after = holder if to_account in HOLDING_ACCOUNTS else None
        self.books |= dict.fromkeys(serials, (to_account, after))

    @rule(data=st.data(), origin=ACCOUNTS, to_account=ACCOUNTS, reason=REASONS, holder=HOLDERS)
    def write_any_movement_by_hand(
        self, data: st.DataObject, origin: str, to_account: str, reason: str, holder: str
    ) -> None:
        if not self.books:
            return
        serial = data.draw(st.sampled_from(sorted(self.books)))
        account, held_for = self.books[serial]
        fits = (
            account == origin
            and held_for in {None, holder}
            and move_allowed(origin, to_account, reason)
            and reason not in SIGNED_REASONS
        )
        try:
            with transaction.atomic():
                Movement.objects.create(
                    unit=Unit.objects.get(serial=serial),
                    from_account=origin,
                    to_account=to_account,
                    reason=reason,
                    reference=holder,
                    actor="staff:ada",
                    moved_at=self.now(),
                )
        except IntegrityError:
            assert not fits
        else:
            assert fits
            self.books[serial] = (to_account, holder if to_account in HOLDING_ACCOUNTS else None)

    @rule(data=st.data(), holder=HOLDERS)
    def swap(self, data: st.DataObject, holder: str) -> None:
        mine = self.standing("reserved", holder)
        if not mine:
            return
        old, new = mine[0], data.draw(st.sampled_from(sorted(self.books)))
        account, other = self.books[new]
        try:
            swap(holder=holder, old_serial=old, new_serial=new, actor="staff:ada", now=self.now())
        except InventoryError:
            assert (
                account not in {"available", "reserved"}
                or other == holder
                or self.model_of[old] != self.model_of[new]
            )
        else:
            self.books[new] = ("reserved", holder)
            self.books[old] = (account, other)

    @invariant()
    def the_books_agree(self) -> None:
        rows = Unit.objects.values_list("serial", "account", "held_for")
        assert {serial: (account, holder) for serial, account, holder in rows} == self.books


@pytest.mark.django_db
def test_any_sequence_of_operations_keeps_the_books() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
