"""Sealed days: what a database superuser does to them is found by verify and by the stand-alone checker."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from django.db import IntegrityError, connection, transaction

import inventory.ledger.check_custody
from inventory.errors import DayNotOver
from inventory.ledger.check_custody import CustodyFile, check
from inventory.ledger.custody_export import custody_document
from inventory.ledger.seals import seal_hash
from inventory.models import Movement, Seal, Unit
from inventory.rules import Wanted
from inventory.services.movements import move
from inventory.services.reservations import reserve
from inventory.services.sealing import seal_days
from tests.inventory.conftest import NOW, Receive, run_sql, violations
from tests.inventory.test_ledger_triggers import refused_by, trigger_name

FIRST, SECOND = datetime(2022, 7, 11, 9, tzinfo=UTC), datetime(2022, 7, 13, 9, tzinfo=UTC)
AFTER = datetime(2022, 7, 15, 1, tzinfo=UTC)


@contextmanager
def recorded(moment: datetime) -> Iterator[None]:
    """Movements are recorded at another moment than the wall clock's, which only the database can arrange."""
    name = trigger_name("movement", "movement_is_chained")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        original = str(cursor.fetchone()[0])
    run_sql(original.replace("clock_timestamp()", f"timestamptz '{moment.isoformat()}'").replace("%", "%%"))
    yield
    run_sql(original.replace("%", "%%"))


@pytest.fixture
def ledger(receive: Receive) -> None:
    """Five units received on the 11th; on the 13th one is reserved and packed. Sealed through the 14th."""
    with recorded(FIRST):
        receive(5)
    with recorded(SECOND):
        reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=SECOND)
        move(holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=SECOND)
    seal_days(now=AFTER)
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert not violations()


def packed() -> Unit:
    return Unit.objects.get(account="packed")


@contextmanager
def superuser() -> Iterator[None]:
    for table in ("unit", "movement", "seal"):
        run_sql(f"ALTER TABLE inventory_{table} DISABLE TRIGGER USER")
    yield
    for table in ("unit", "movement", "seal"):
        run_sql(f"ALTER TABLE inventory_{table} ENABLE TRIGGER USER")


def relink(unit: Unit) -> None:
    """Compute a unit's chain anew, as whoever rewrote a movement would, up to the unit's head."""
    previous = b""
    for movement in unit.movements.order_by("sequence"):
        run_sql(
            """
            UPDATE inventory_movement AS movement SET previous_hash = decode(%s, 'hex'),
                hash = sha256(convert_to(concat_ws(E'\\n', 'keydesk movement 1', unit.serial, 'KD-A-NFC', sequence,
                    from_account, to_account, reason, reference, actor,
                    (extract(epoch FROM movement.moved_at) * 1000000)::bigint,
                    (extract(epoch FROM recorded_at) * 1000000)::bigint, %s), 'UTF8'))
            FROM inventory_unit AS unit WHERE unit.id = unit_id AND movement.id = %s
            """,
            [previous.hex(), previous.hex(), movement.pk],
        )
        previous = bytes(Movement.objects.get(pk=movement.pk).hash)
    run_sql(
        "UPDATE inventory_unit SET head_hash = decode(%s, 'hex') WHERE id = %s", [previous.hex(), unit.pk]
    )


def export() -> CustodyFile:
    """What export_custody writes, by way of JSON."""
    document: CustodyFile = json.loads(json.dumps(custody_document(serial=packed().serial, now=AFTER)))
    return document


@pytest.mark.usefixtures("ledger")
def test_every_day_since_the_first_movement_has_a_seal_on_the_one_before() -> None:
    seals = list(Seal.objects.order_by("day"))
    assert [(str(seal.day), seal.movement_count) for seal in seals] == [
        ("2022-07-11", 5),
        ("2022-07-12", 0),
        ("2022-07-13", 2),
        ("2022-07-14", 0),
    ]
    previous = b""
    for seal in seals:
        assert bytes(seal.previous) == previous
        previous = seal_hash(
            day=seal.day, movement_count=seal.movement_count, root=bytes(seal.root), previous=previous
        )
        assert bytes(seal.hash) == previous
    assert bytes(seals[1].root) == sha256(b"").digest()


@pytest.mark.usefixtures("ledger")
def test_sealing_again_seals_nothing_and_the_next_day_goes_on() -> None:
    assert seal_days(now=AFTER) == []
    assert [str(seal.day) for seal in seal_days(now=AFTER + timedelta(days=2))] == [
        "2022-07-15",
        "2022-07-16",
    ]


def test_an_empty_ledger_has_nothing_to_seal(db: None) -> None:
    assert seal_days(now=AFTER) == []


@pytest.mark.usefixtures("ledger")
def test_a_day_is_not_sealed_before_it_is_over() -> None:
    with pytest.raises(DayNotOver):
        seal_days(now=AFTER, through=AFTER.date())
    assert Seal.objects.count() == 4


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("sql", "guard"),
    [
        ("UPDATE inventory_seal SET root = sha256('x')", "seal_never_changes"),
        ("DELETE FROM inventory_seal", "seal_never_changes"),
        ("TRUNCATE inventory_seal", "seals_are_never_truncated"),
        (
            "INSERT INTO inventory_seal (day, movement_count, root, leaves) VALUES ('2022-07-20', 0, sha256(''), '')",
            "seal_is_of_the_next_day",
        ),
        (
            "INSERT INTO inventory_seal (day, movement_count, root, leaves) VALUES ('2022-07-15', 1, sha256(''), '')",
            "seal_has_a_leaf_for_each_movement",
        ),
    ],
)
def test_the_database_refuses_what_is_no_seal(sql: str, guard: str) -> None:
    before = list(Seal.objects.order_by("day").values_list())
    with refused_by(guard):
        run_sql(sql)
    assert list(Seal.objects.order_by("day").values_list()) == before


def one_byte() -> None:
    run_sql(
        "UPDATE inventory_movement SET actor = 'staff:adb' WHERE unit_id = %s AND sequence = 3", [packed().pk]
    )


def a_deleted_row() -> None:
    run_sql("DELETE FROM inventory_movement WHERE unit_id = %s AND sequence = 2", [packed().pk])


def a_deleted_last_row() -> None:
    run_sql("DELETE FROM inventory_movement WHERE unit_id = %s AND sequence = 3", [packed().pk])


def a_relinked_chain() -> None:
    one_byte()
    relink(packed())


def a_rewritten_day() -> None:
    """The chain, and the seal of its day as well; the next day's seal still says what was before."""
    a_relinked_chain()
    reseal("2022-07-13")


def reseal(day: str) -> None:
    hashes = [
        bytes(row.hash) for row in Movement.objects.filter(unit=packed(), sequence__gt=1).order_by("sequence")
    ]
    root = sha256(b"\1" + b"".join(hashes)).digest()
    leaves = b"".join(
        packed().pk.to_bytes(8, "big") + number.to_bytes(4, "big") + digest
        for number, digest in enumerate(hashes, 2)
    )
    seal = Seal.objects.get(day=day)
    anew = seal_hash(day=seal.day, movement_count=2, root=root, previous=bytes(seal.previous))
    run_sql(
        "UPDATE inventory_seal SET root = decode(%s, 'hex'), leaves = decode(%s, 'hex'), hash = decode(%s, 'hex')"
        " WHERE day = %s",
        [root.hex(), leaves.hex(), anew.hex(), day],
    )


TAMPERING = [
    (one_byte, "movement 3 of 2022-07-13 is not what was recorded", "movement 3 of 2022-07-13 is not what was recorded"),
    (a_deleted_row, "movement 2 of 2022-07-13 or before is missing", "movement 2 is missing"),
    (a_deleted_last_row, "its chain ends after movement 2, not where the unit says", "the history ends after movement 2, not where the unit says"),
    (a_relinked_chain, "2022-07-13 is not what was sealed: movement 3 of {serial} was rewritten", "movement 3 is not in the seal of 2022-07-13"),
    (a_rewritten_day, "the seal of 2022-07-14 does not follow the one before it", "the seal of 2022-07-14 does not follow that of 2022-07-13"),
]  # fmt: skip


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("tamper", "found", "_"), TAMPERING, ids=lambda value: getattr(value, "__name__", "")
)
def test_verify_names_the_unit_the_row_and_the_day(tamper: Callable[[], None], found: str, _: str) -> None:
    with superuser():
        tamper()
    messages = [violation.message for violation in violations() if violation.invariant == "I7"]
    assert found.format(serial=packed().serial) in messages[0]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("tamper", "_", "found"), TAMPERING, ids=lambda value: getattr(value, "__name__", "")
)
def test_the_checker_finds_it_in_the_exported_file(tamper: Callable[[], None], _: str, found: str) -> None:
    assert check(export()) == []
    with superuser():
        tamper()
    assert found in check(export())


@pytest.mark.usefixtures("ledger")
def test_a_unit_deleted_with_all_its_movements_is_missed_by_its_day() -> None:
    unit = packed()
    with superuser():
        run_sql("DELETE FROM inventory_movement WHERE unit_id = %s", [unit.pk])
        run_sql("DELETE FROM inventory_unit WHERE id = %s", [unit.pk])
    messages = [found.message for found in violations()]
    assert f"2022-07-11 is not what was sealed: movement 1 of unit no. {unit.pk} is gone" in messages


@pytest.mark.usefixtures("ledger")
def test_a_movement_slipped_into_a_sealed_day_is_found() -> None:
    with recorded(SECOND):
        move(holder="C-1", to_account="reserved", reason="unpack", actor="staff:ada", now=SECOND)
    serial = Unit.objects.get(account="reserved").serial
    assert [found.message for found in violations()] == [
        f"2022-07-13 is not what was sealed: movement 4 of {serial} is new"
    ]


@pytest.mark.usefixtures("ledger")
def test_seals_cannot_be_taken_out() -> None:
    with superuser():
        run_sql("DELETE FROM inventory_seal WHERE day = '2022-07-12'")
    assert [found.message for found in violations()] == ["no seal of 2022-07-12, but of 2022-07-13"]


@pytest.mark.usefixtures("ledger")
def test_the_first_seals_cannot_be_cut_off() -> None:
    with superuser():
        run_sql("DELETE FROM inventory_seal WHERE day < '2022-07-13'")
    assert "5 movements are older than the first seal, of 2022-07-13" in [
        found.message for found in violations()
    ]


@pytest.mark.usefixtures("ledger")
def test_leaves_that_were_rewritten_are_found_with_the_day() -> None:
    with superuser():
        a_relinked_chain()
        run_sql(
            "UPDATE inventory_seal SET leaves = set_byte(leaves, 12, 255 - get_byte(leaves, 12)) WHERE day = '2022-07-13'"
        )
    assert "2022-07-13 is not what was sealed: its leaves were rewritten" in [
        found.message for found in violations()
    ]


@pytest.mark.usefixtures("ledger")
def test_whoever_rewrites_all_seals_is_given_away_by_one_noted_elsewhere(tmp_path: Path) -> None:
    noted = bytes(Seal.objects.get(day="2022-07-14").hash).hex()
    path = tmp_path / "key.json"
    path.write_text(json.dumps(export()))
    assert run_checker(path, "--seal", noted).returncode == 0
    with superuser():
        a_rewritten_day()
        changed = Seal.objects.get(day="2022-07-13")
        last = Seal.objects.get(day="2022-07-14")
        anew = seal_hash(day=last.day, movement_count=0, root=bytes(last.root), previous=bytes(changed.hash))
        run_sql(
            "UPDATE inventory_seal SET previous = decode(%s, 'hex'), hash = decode(%s, 'hex') WHERE day = %s",
            [bytes(changed.hash).hex(), anew.hex(), "2022-07-14"],
        )
    assert not violations()
    path.write_text(json.dumps(export()))
    assert run_checker(path).returncode == 0
    refused = run_checker(path, "--seal", noted)
    assert refused.returncode == 1
    assert "it is of another ledger" in refused.stdout


def run_checker(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As anyone would run it: no site packages, nothing of ours on the path."""
    script = Path(inventory.ledger.check_custody.__file__)
    command = [sys.executable, "-I", "-S", str(script), str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)


@pytest.mark.usefixtures("ledger")
def test_the_checker_runs_alone_and_says_what_is_not_sealed_yet(tmp_path: Path) -> None:
    with recorded(AFTER):
        move(holder="C-1", to_account="in_transit", reason="hand_over", actor="staff:ada", now=AFTER)
    unit = Unit.objects.get(account="in_transit")
    path = tmp_path / "key.json"
    path.write_text(json.dumps(custody_document(serial=unit.serial, now=AFTER)))
    done = run_checker(path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{unit.serial}: 4 movements hold.\nNot under a seal yet: movements [4].\n"
    path.write_text("no JSON")
    assert run_checker(path).returncode == 2
    path.write_text("[]")
    assert run_checker(path).returncode == 2


@pytest.mark.usefixtures("ledger")
def test_a_file_changed_by_hand_fails_the_check() -> None:
    for field, value in (("actor", "staff:eve"), ("recorded_at_us", 1), ("proof", []), ("hash", "00")):
        document = export()
        cast(dict[str, object], document["movements"][1])[field] = value
        assert check(document), field
    document = export()
    document["movements"].pop()
    assert check(document)
    document = export()
    document["serial"] = "OTHER-1"
    assert check(document)


@pytest.mark.django_db(transaction=True)
def test_sealing_waits_for_whoever_still_writes(transactional_db: None, receive: Receive) -> None:
    """A transaction that recorded a movement before midnight and commits after is in the seal."""
    from tests.inventory.test_reservation_race import in_thread, wait_for

    with recorded(FIRST):
        receive(2)
        with transaction.atomic():
            reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
            thread, outcome = in_thread(lambda: seal_days(now=FIRST + timedelta(days=1)))
            wait_for("relation")
            assert not outcome
        thread.join()
    assert [seal.movement_count for seal in outcome[0]] == [3]  # type: ignore[attr-defined]
    assert not violations()


@pytest.mark.usefixtures("ledger")
def test_a_second_seal_of_a_day_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run_sql(
            "INSERT INTO inventory_seal (day, movement_count, root, leaves) VALUES ('2022-07-14', 0, sha256(''), '')"
        )
