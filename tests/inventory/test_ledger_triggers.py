"""Somebody with a database shell: what the database refuses, and what the checks find if it could not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.db import IntegrityError, connection, transaction

from common.invariants import verify_all
from inventory.invariants import CHECKS, chains_and_seals_hold
from inventory.models import Movement, Unit
from inventory.rules import Wanted
from inventory.services.movements import move
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive, Snapshot, run_sql, violations

RESERVED = "(SELECT min(id) FROM inventory_unit WHERE account = 'reserved')"
AVAILABLE = "(SELECT min(id) FROM inventory_unit WHERE account = 'available')"
RETURNED = "(SELECT min(id) FROM inventory_unit WHERE account = 'returned')"
# Whatever refers to a table, in any room, and whatever refers to that.
DEPENDENTS = """
    WITH RECURSIVE dependent (oid) AS (
        SELECT %s::regclass::oid
        UNION SELECT conrelid FROM pg_constraint JOIN dependent ON confrelid = dependent.oid WHERE contype = 'f'
    ) SELECT oid::regclass::text FROM dependent WHERE oid <> %s::regclass
"""
MOVEMENT = (
    "INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at) "
)


@dataclass(frozen=True)
class Attack:
    """A statement, the guard that refuses it, and the invariants that break without that guard."""

    what: str
    sql: str
    guard: str
    table: str
    found_by: frozenset[str]


ATTACKS = [
    Attack(what, sql, guard, table, frozenset(found_by.split()))
    for what, sql, guard, table, found_by in [
        (
            "a reserved unit made available",
            f"UPDATE inventory_unit SET account = 'available', held_for = NULL WHERE id = {RESERVED}",
            "unit_stands_where_its_movements_say",
            "unit",
            "I1",
        ),
        (
            "a unit given to another holder",
            f"UPDATE inventory_unit SET held_for = 'C-9' WHERE id = {RESERVED}",
            "unit_stands_where_its_movements_say",
            "unit",
            "I2",
        ),
        (
            "a holder put where nobody holds",
            f"UPDATE inventory_unit SET held_for = 'C-9' WHERE id = {AVAILABLE}",
            "unit_stands_where_its_movements_say",
            "unit",
            "",  # the check constraint stands behind the trigger, see below
        ),
        (
            "a unit's last hash rewritten",
            f"UPDATE inventory_unit SET head_hash = sha256('x') WHERE id = {RESERVED}",
            "unit_stands_where_its_movements_say",
            "unit",
            "I7",
        ),
        (
            "a unit's movements counted wrong",
            f"UPDATE inventory_unit SET movement_count = movement_count + 1 WHERE id = {AVAILABLE}",
            "unit_stands_where_its_movements_say",
            "unit",
            "I1 I7",
        ),
        (
            "a unit that was never received",
            "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)"
            " SELECT 'FORGED-1', key_model_id, id, now(), 'available', 1, '' FROM inventory_lot LIMIT 1",
            "unit_starts_at_the_supplier",
            "unit",
            "I1 I7",
        ),
        (
            "a unit of another key model than its lot",
            "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)"
            " SELECT 'FORGED-1', (SELECT max(id) FROM inventory_keymodel), min(id), now(), 'supplier', 0, ''"
            " FROM inventory_lot",
            "unit_is_of_its_lots_key_model",
            "unit",
            "",
        ),
        (
            "a serial that is none",
            "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)"
            " SELECT E'AB\\nCD', key_model_id, id, now(), 'supplier', 0, '' FROM inventory_lot LIMIT 1",
            "serial_is_plain",
            "unit",
            "",
        ),
        (
            "a serial changed",
            f"UPDATE inventory_unit SET serial = 'OTHER-1' WHERE id = {AVAILABLE}",
            "unit_identity_never_changes",
            "unit",
            "I7",
        ),
        (
            "a unit turned into another key model",
            f"UPDATE inventory_unit SET key_model_id = (SELECT max(id) FROM inventory_keymodel) WHERE id = {AVAILABLE}",
            "unit_identity_never_changes",
            "unit",
            "I7",
        ),
        (
            "a SKU changed",
            "UPDATE inventory_keymodel SET sku = 'KD-X' WHERE sku = 'KD-A-NFC'",
            "sku_never_changes",
            "keymodel",
            "I7",
        ),
        (
            "a lot renamed",
            "UPDATE inventory_lot SET reference = 'L-X'",
            "lot_identity_never_changes",
            "lot",
            "I7",
        ),
        ("a lot deleted", "DELETE FROM inventory_lot", "lot_is_never_deleted", "lot", "I7"),
        ("all lots deleted", "TRUNCATE inventory_lot", "lots_are_never_truncated", "lot", "I7"),
        (
            "a unit of no lot",
            "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)"
            " SELECT 'FORGED-1', key_model_id, 999999, now(), 'supplier', 0, '' FROM inventory_lot LIMIT 1",
            "unit_is_of_its_lots_key_model",
            "unit",
            "",
        ),
        (
            "a unit deleted",
            f"DELETE FROM inventory_unit WHERE id = {RESERVED}",
            "unit_is_never_deleted",
            "unit",
            "I1 I7",
        ),
        (
            "all units deleted",
            "TRUNCATE inventory_unit CASCADE",
            "units_are_never_truncated",
            "unit",
            "I1 I7",
        ),
        (
            "a movement deleted",
            f"DELETE FROM inventory_movement WHERE unit_id = {RESERVED} AND sequence = 2",
            "movement_never_changes",
            "movement",
            "I1 I2 I7",
        ),
        (
            "the first movement deleted",
            f"DELETE FROM inventory_movement WHERE unit_id = {RESERVED} AND sequence = 1",
            "movement_never_changes",
            "movement",
            "I1 I7",
        ),
        (
            "all movements deleted",
            "TRUNCATE inventory_movement",
            "movements_are_never_truncated",
            "movement",
            "I1 I2 I7",
        ),
        (
            "one letter of one movement",
            f"UPDATE inventory_movement SET actor = 'staff:adb' WHERE unit_id = {RESERVED} AND sequence = 1",
            "movement_never_changes",
            "movement",
            "I7",
        ),
        (
            "a movement dated back by a microsecond",
            f"UPDATE inventory_movement SET moved_at = moved_at - interval '1 microsecond' WHERE unit_id = {RESERVED}",
            "movement_never_changes",
            "movement",
            "I7",
        ),
        (
            "a movement's hash made to fit",
            f"UPDATE inventory_movement SET hash = sha256('x') WHERE unit_id = {RESERVED} AND sequence = 2",
            "movement_never_changes",
            "movement",
            "I7",
        ),
        (
            "a movement linked to another predecessor",
            f"UPDATE inventory_movement SET previous_hash = sha256('x') WHERE unit_id = {RESERVED} AND sequence = 2",
            "movement_never_changes",
            "movement",
            "I7",
        ),
        (
            "a movement given to another unit",
            f"UPDATE inventory_movement SET unit_id = 999999 WHERE unit_id = {RESERVED} AND sequence = 2",
            "movement_never_changes",
            "movement",
            "I1 I2 I7",
        ),
    ]
]


@pytest.fixture
def ledger(receive: Receive) -> None:
    """One unit reserved, one returned, two available; no row waits for its foreign key to be checked."""
    receive(4)
    reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
    reserve(holder="C-2", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("returned", "return")):
        move(holder="C-2", to_account=to_account, reason=reason, actor="staff:ada", now=NOW)
    # Triggers cannot be switched while rows wait for a deferred check.
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert not violations()


@contextmanager
def refused_by(guard: str) -> Iterator[None]:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        yield
    assert refusal.value.__cause__ is not None
    assert refusal.value.__cause__.diag.constraint_name == guard  # type: ignore[attr-defined]


def trigger_name(table: str, guard: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE %s",
            [f"inventory_{table}", f"pgtrigger\\_{guard}\\_%"],
        )
        ((name,),) = cursor.fetchall()
    return str(name)


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_the_database_refuses(attack: Attack, everything: Snapshot) -> None:
    before = everything()
    with refused_by(attack.guard):
        run_sql(attack.sql)
    assert everything() == before


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.found_by], ids=lambda attack: attack.what
)
def test_with_the_guard_switched_off_the_checks_find(attack: Attack, everything: Snapshot) -> None:
    before = everything()
    name = trigger_name(attack.table, attack.guard)
    run_sql(f"ALTER TABLE inventory_{attack.table} DISABLE TRIGGER {name}")
    if "CASCADE" in attack.sql:  # the tables that are emptied along with it have guards of their own
        emptied = f"inventory_{attack.table}"
        with connection.cursor() as cursor:
            cursor.execute(DEPENDENTS, [emptied, emptied])
            for (table,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    run_sql(attack.sql)
    run_sql(f"ALTER TABLE inventory_{attack.table} ENABLE TRIGGER {name}")
    if attack.table in {"unit", "movement"}:
        assert everything() != before
    assert {found.invariant for found in violations()} >= attack.found_by


@pytest.mark.usefixtures("ledger")
def test_the_chain_check_names_the_first_unit_and_row_that_break() -> None:
    second = Unit.objects.get(account="returned")
    run_sql("ALTER TABLE inventory_movement DISABLE TRIGGER USER")
    run_sql(
        "UPDATE inventory_movement SET reference = 'C-3' WHERE unit_id = %s AND sequence IN (3, 4)",
        [second.pk],
    )
    run_sql("ALTER TABLE inventory_movement ENABLE TRIGGER USER")
    (found,) = [violation for violation in violations() if violation.invariant == "I7"]
    day = Movement.objects.get(unit=second, sequence=3).recorded_at.date()
    assert found.ids == [second.serial]
    assert found.message == f"{second.serial}: movement 3 of {day} is not what was recorded"


@pytest.mark.usefixtures("ledger")
def test_a_chain_linked_anew_does_not_reach_the_units_head() -> None:
    """Whoever rewrites a movement and all hashes after it must rewrite the unit too."""
    unit = Unit.objects.get(account="returned")
    run_sql("ALTER TABLE inventory_movement DISABLE TRIGGER USER")
    run_sql("DELETE FROM inventory_movement WHERE unit_id = %s AND sequence = 5", [unit.pk])
    run_sql("ALTER TABLE inventory_movement ENABLE TRIGGER USER")
    messages = [found.message for found in violations() if found.invariant == "I7"]
    assert messages == [f"{unit.serial}: its chain ends after movement 4, not where the unit says"]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("what", "guard"),
    [
        (f"SELECT {AVAILABLE}, 'packed', 'in_transit', 'hand_over', 'C-1', 'staff:x', now()", "movement_starts_where_the_unit_stands"),
        (f"SELECT {RESERVED}, 'reserved', 'packed', 'pack', 'C-9', 'staff:x', now()", "held_unit_moves_for_its_holder"),
        ("SELECT 999999, 'supplier', 'available', 'receive', 'L-1', 'staff:x', now()", "movement_has_a_unit"),
        (f"SELECT {RETURNED}, 'returned', 'available', 'released', 'C-2', 'staff:x', now()", "movement_is_in_the_table_of_moves"),
        (f"SELECT {AVAILABLE}, 'available', 'delivered', 'deliver', 'C-1', 'staff:x', now()", "movement_is_in_the_table_of_moves"),
        (f"SELECT {AVAILABLE}, 'available', 'reserved', 'pack', 'C-1', 'staff:x', now()", "movement_is_in_the_table_of_moves"),
        (f"SELECT {AVAILABLE}, 'available', 'available', 'released', 'C-1', 'staff:x', now()", "movement_is_in_the_table_of_moves"),
        (f"SELECT {AVAILABLE}, 'available', 'reserved', 'reserve', E'C-1\\nx', 'staff:x', now()", "movement_reference_is_plain"),
        (f"SELECT {AVAILABLE}, 'available', 'reserved', 'reserve', 'C-1', 'a@example.org', now()", "movement_actor_is_a_role_not_an_address"),
        (f"SELECT unit, 'available', 'reserved', 'reserve', 'C-1', 'staff:x', now() FROM (VALUES ({AVAILABLE}), ({AVAILABLE})) AS twice (unit)", "one_movement_per_unit_and_sequence"),
    ],
    ids=lambda value: value if value.islower() else "",
)  # fmt: skip
def test_a_movement_inserted_by_hand_must_be_a_move(what: str, guard: str, everything: Snapshot) -> None:
    before = everything()
    with refused_by(guard):
        run_sql(MOVEMENT + what)
    assert everything() == before


@pytest.mark.usefixtures("ledger")
def test_without_the_table_of_moves_a_returned_unit_could_be_sold_again_and_the_check_finds_it() -> None:
    returned = Unit.objects.get(account="returned")
    run_sql("ALTER TABLE inventory_movement DROP CONSTRAINT movement_is_in_the_table_of_moves")
    run_sql(MOVEMENT + f"SELECT {RETURNED}, 'returned', 'available', 'released', 'C-2', 'staff:x', now()")
    assert [(found.invariant, found.ids) for found in violations()] == [
        ("I7", ["movement_is_in_the_table_of_moves"]),
        ("I8", [returned.serial]),
    ]


@pytest.mark.usefixtures("ledger")
def test_without_the_trigger_the_constraint_still_keeps_holders_where_units_are_held() -> None:
    name = trigger_name("unit", "unit_stands_where_its_movements_say")
    run_sql(f"ALTER TABLE inventory_unit DISABLE TRIGGER {name}")
    with refused_by("unit_is_held_where_units_are_held"):
        run_sql(f"UPDATE inventory_unit SET held_for = 'C-9' WHERE id = {AVAILABLE}")
    run_sql("ALTER TABLE inventory_unit DROP CONSTRAINT unit_is_held_where_units_are_held")
    run_sql(f"UPDATE inventory_unit SET held_for = 'C-9' WHERE id = {AVAILABLE}")
    run_sql(f"ALTER TABLE inventory_unit ENABLE TRIGGER {name}")
    assert {found.invariant for found in violations()} == {"I2", "I7"}


@pytest.mark.usefixtures("ledger")
def test_the_same_serial_twice_is_refused_by_the_database() -> None:
    with refused_by("one_unit_per_serial"):
        run_sql(
            "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count,"
            " head_hash) SELECT serial, key_model_id, lot_id, now(), 'supplier', 0, '' FROM inventory_unit"
        )


@pytest.mark.usefixtures("ledger")
def test_a_trigger_of_ones_own_is_no_way_round(everything: Snapshot) -> None:
    """A guard that trusted pg_trigger_depth() would fall to this."""
    before = everything()
    run_sql("CREATE TEMPORARY TABLE detour (unit bigint)")
    run_sql(
        """
        CREATE FUNCTION pg_temp.detour() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE inventory_unit SET account = 'available', held_for = NULL WHERE id = NEW.unit;
            RETURN NEW;
        END $$
        """
    )
    run_sql("CREATE TRIGGER detour BEFORE INSERT ON detour FOR EACH ROW EXECUTE FUNCTION pg_temp.detour()")
    with refused_by("unit_stands_where_its_movements_say"):
        run_sql(f"INSERT INTO detour SELECT {RESERVED}")
    assert everything() == before


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_the_setting_that_silences_other_triggers_does_not_silence_these(attack: Attack) -> None:
    """django-pgtrigger's own triggers obey a setting that any session may change."""
    run_sql(
        "SELECT set_config('pgtrigger.ignore', %s, true)",
        ["{" + trigger_name(attack.table, attack.guard) + "}"],
    )
    with refused_by(attack.guard):
        run_sql(attack.sql)


@pytest.mark.usefixtures("ledger")
def test_tables_that_only_look_like_the_ledger_are_no_way_round(everything: Snapshot) -> None:
    """A temporary table comes first in everybody's search path, but not in the guards'."""
    before = everything()
    run_sql("CREATE TEMPORARY TABLE inventory_movement AS TABLE public.inventory_movement")
    forged = f"""
        unit_id = {RESERVED}, sequence = 3, from_account = 'reserved', to_account = 'available',
        previous_hash = hash, hash = sha256('x')
    """
    run_sql(f"UPDATE pg_temp.inventory_movement SET {forged} WHERE unit_id = {RESERVED} AND sequence = 2")
    with refused_by("unit_stands_where_its_movements_say"):
        run_sql(
            "UPDATE inventory_unit AS unit SET account = 'available', held_for = NULL, movement_count = 3,"
            " head_hash = forged.hash, moved_at = forged.moved_at FROM pg_temp.inventory_movement AS forged"
            " WHERE forged.unit_id = unit.id AND forged.sequence = 3"
        )
    run_sql("DROP TABLE pg_temp.inventory_movement")
    assert everything() == before


@pytest.mark.usefixtures("ledger")
def test_upserts_and_merges_are_no_way_round(everything: Snapshot) -> None:
    before = everything()
    for sql in (
        "INSERT INTO inventory_unit (serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)"
        " SELECT serial, key_model_id, lot_id, now(), 'supplier', 0, '' FROM inventory_unit WHERE account = 'reserved'"
        " ON CONFLICT (serial) DO UPDATE SET account = 'available', held_for = NULL",
        "MERGE INTO inventory_unit AS unit USING (SELECT 'reserved' AS account) AS source"
        " ON unit.account = source.account WHEN MATCHED THEN UPDATE SET account = 'available', held_for = NULL",
        f"WITH moved AS ({MOVEMENT} SELECT {RESERVED}, 'reserved', 'packed', 'pack', 'C-1', 'staff:x', now())"
        f" UPDATE inventory_unit SET account = 'available', held_for = NULL WHERE id = {RESERVED}",
    ):
        with refused_by("unit_stands_where_its_movements_say"):
            run_sql(sql)
        assert everything() == before


@pytest.mark.usefixtures("ledger")
def test_a_key_model_in_use_cannot_go() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run_sql("DELETE FROM inventory_keymodel")
    with refused_by("lots_are_never_truncated"):
        run_sql("TRUNCATE inventory_keymodel CASCADE")


@pytest.mark.usefixtures("ledger")
def test_the_checks_notice_a_guard_that_is_off_or_hollow() -> None:
    name = trigger_name("unit", "unit_is_never_deleted")
    run_sql(f"ALTER TABLE inventory_unit DISABLE TRIGGER {name}")
    assert [found.ids for found in violations()] == [["unit_is_never_deleted"]]
    run_sql(f"ALTER TABLE inventory_unit ENABLE TRIGGER {name}")
    assert not violations()
    run_sql(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
    )
    assert [found.ids for found in violations()] == [["unit_is_never_deleted"]]
    run_sql(f"DROP TRIGGER {name} ON inventory_unit")
    assert [found.ids for found in violations()] == [["unit_is_never_deleted"]]


@pytest.mark.usefixtures("ledger")
def test_every_row_is_looked_at() -> None:
    assert chains_and_seals_hold()[0] == Movement.objects.count() == 9
    assert set(verify_all(CHECKS).checked) == {"I1", "I2", "I7", "I8"}
