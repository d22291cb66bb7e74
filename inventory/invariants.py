"""Checks of invariants I1, I2, I7 and I8 against the stored rows of the stock ledger."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from pgtrigger import registry
from pgtrigger.core import INSTALLED
from psycopg import Cursor

from common.invariants import Check, Violation
from inventory.ledger.hashing import FORM
from inventory.ledger.merkle import Tree, root_of
from inventory.ledger.seals import seal_hash, unpack
from inventory.models import (
    Bin,
    Count,
    Difference,
    KeyModel,
    Lot,
    Movement,
    Recall,
    RecalledUnit,
    Scan,
    Seal,
    Transfer,
    Unit,
    Warehouse,
    WriteOff,
    WriteOffUnit,
)
from inventory.rules import CLEAN_ACCOUNTS, HOLDING_ACCOUNTS, SIGNED_REASONS, TAINTING_ACCOUNTS
from inventory.services.sealing import movements_of

# A table emptied by hand violates a million rows; this many are enough to identify the problem.
NAMED_AT_MOST = 50
GUARDED: tuple[Any, ...] = (
    *(KeyModel, Lot, Unit, Movement, Seal),
    *(Warehouse, Bin, Transfer, Count, Scan, Difference),
    *(WriteOff, WriteOffUnit, Recall, RecalledUnit),
)

Found = tuple[int, list[Violation]]


def _rows(sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def ledger_equals_units() -> Found:
    """Per key model and account: movements in minus out equal the number of units."""
    different = _rows(
        """
        WITH ledger AS (
            SELECT unit.key_model_id, side.account, sum(side.change) AS units
            FROM inventory_movement AS movement
            JOIN inventory_unit AS unit ON unit.id = movement.unit_id
            CROSS JOIN LATERAL (VALUES (movement.to_account, 1), (movement.from_account, -1))
                       AS side (account, change)
            WHERE side.account <> 'supplier'
            GROUP BY unit.key_model_id, side.account
        ), standing AS (
            SELECT key_model_id, account, count(*) AS units FROM inventory_unit
            WHERE account <> 'supplier'
            GROUP BY key_model_id, account
        )
        SELECT key_model.sku, account, coalesce(ledger.units, 0), coalesce(standing.units, 0)
        FROM ledger FULL JOIN standing USING (key_model_id, account)
        JOIN inventory_keymodel AS key_model ON key_model.id = key_model_id
        WHERE coalesce(ledger.units, 0) <> coalesce(standing.units, 0)
        ORDER BY key_model.sku, account
        """
    )
    return Unit.objects.count(), [
        Violation(
            "I1", f"the ledger has {ledger} units of {sku} in {account}, but {standing} stand there", [sku]
        )
        for sku, account, ledger, standing in different
    ]


def received_equals_all_accounts() -> Found:
    """Units received equal the units in all accounts."""
    ((received, standing),) = _rows(
        """
        SELECT (SELECT count(*) FROM inventory_movement WHERE from_account = 'supplier'),
               (SELECT count(*) FROM inventory_unit WHERE account <> 'supplier')
        """
    )
    if received == standing:
        return 1, []
    return 1, [Violation("I1", f"{received} units were received, but {standing} are on the books", [])]


def units_stand_where_they_moved() -> Found:
    """Each unit's movements have no gap, join end to end, and end in the unit's account."""
    broken = _rows(
        """
        WITH walked AS (
            SELECT unit_id, sequence, from_account, to_account,
                   lag(to_account, 1, 'supplier') OVER unit AS came_from,
                   row_number() OVER unit AS place,
                   lead(sequence) OVER unit IS NULL AS is_last
            FROM inventory_movement
            WINDOW unit AS (PARTITION BY unit_id ORDER BY sequence)
        ), histories AS (
            SELECT unit_id, count(*) AS moves,
                   bool_and(sequence = place AND from_account = came_from) AS joined,
                   max(to_account) FILTER (WHERE is_last) AS ends_in
            FROM walked GROUP BY unit_id
        )
        SELECT coalesce(unit.serial, 'unit no. ' || histories.unit_id), unit.account, histories.ends_in,
               coalesce(histories.joined, true), unit.movement_count, coalesce(histories.moves, 0)
        FROM inventory_unit AS unit FULL JOIN histories ON histories.unit_id = unit.id
        WHERE unit.account IS DISTINCT FROM coalesce(histories.ends_in, 'supplier')
           OR unit.movement_count IS DISTINCT FROM coalesce(histories.moves, 0)
           OR NOT coalesce(histories.joined, true)
        ORDER BY 1 LIMIT %s
        """,
        [NAMED_AT_MOST],
    )
    return Movement.objects.count(), [
        Violation(
            "I1",
            f"{serial} stands in {account} after {count} movements, but its ledger has {moves}, "
            f"{'ends' if joined else 'does not join up and ends'} in {ends_in or 'supplier'}",
            [serial],
        )
        for serial, account, ends_in, joined, count, moves in broken
    ]


def holders_are_the_ledgers() -> Found:
    """A unit has a holder exactly in the accounts that require one, and it is that of its last movement."""
    broken = _rows(
        """
        SELECT unit.serial, unit.account, unit.held_for, movement.reference
        FROM inventory_unit AS unit
        LEFT JOIN inventory_movement AS movement
               ON movement.unit_id = unit.id AND movement.sequence = unit.movement_count
        WHERE unit.held_for IS DISTINCT FROM
              CASE WHEN unit.account = ANY(%s) THEN coalesce(movement.reference, '') END
        ORDER BY unit.serial LIMIT %s
        """,
        [list(HOLDING_ACCOUNTS), NAMED_AT_MOST],
    )
    return Unit.objects.count(), [
        Violation(
            "I2",
            f"{serial} in {account} is held for {held_for}, its last movement was for {reference}",
            [serial],
        )
        for serial, account, held_for, reference in broken
    ]


def chains_and_seals_hold() -> Found:
    """Recompute every movement's hash up to the unit's head, every sealed day's
    root from those hashes, and the chain of seals, in one pass over the ledger.
    """
    sealed, faults = _chain_of_seals()
    days = {seal.day: Tree() for seal in sealed}
    with _stream(_CHAINS) as rows:
        checked, broken = _check_chains(rows, days)
    broken += _rows(_WITHOUT_MOVEMENTS, [NAMED_AT_MOST])
    faults += [different for seal in sealed if (different := _check_day(seal, days[seal.day]))]
    return checked, [
        *(Violation("I7", f"{name}: {fault}", [name]) for name, fault in broken[:NAMED_AT_MOST]),
        *faults[:NAMED_AT_MOST],
    ]


# The database builds the hashed text, as the trigger does, and returns bytes. `ends` says whether the
# unit's chain ends here or the unit is missing; days are counted from 1970.
_GONE, _HEAD = 2, 1
_CHAINS = f"""
    SELECT movement.unit_id,
        CASE WHEN unit.id IS NULL THEN {_GONE}
             WHEN unit.movement_count = movement.sequence AND unit.head_hash = movement.hash THEN {_HEAD}
             ELSE 0 END,
        (movement.recorded_at AT TIME ZONE 'UTC')::date - date '1970-01-01',
        movement.sequence, movement.hash, movement.previous_hash,
        convert_to(concat_ws(E'\\n', '{FORM}', unit.serial, key_model.sku, movement.sequence,
        movement.from_account, movement.to_account, movement.reason, movement.reference, movement.actor,
        (extract(epoch FROM movement.moved_at) * 1000000)::bigint,
        (extract(epoch FROM movement.recorded_at) * 1000000)::bigint, encode(movement.previous_hash, 'hex')),
        'UTF8')
    FROM inventory_movement AS movement
    LEFT JOIN inventory_unit AS unit ON unit.id = movement.unit_id
    LEFT JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id
    ORDER BY movement.unit_id, movement.sequence
"""  # noqa: S608 - a constant
_WITHOUT_MOVEMENTS = """
    SELECT unit.serial, 'its chain ends after movement 0, not where the unit says'
    FROM inventory_unit AS unit
    WHERE (unit.movement_count, unit.head_hash) <> (0, ''::bytea)
      AND NOT EXISTS (SELECT FROM inventory_movement AS movement WHERE movement.unit_id = unit.id)
    ORDER BY unit.serial LIMIT %s
"""


# Hashes kept in memory, 32 bytes each.
_FOLD_EVERY = 50_000
_EPOCH = date(1970, 1, 1)
_ChainRow = tuple[int, int, int, int, bytes, bytes, bytes]


def _check_chains(rows: Iterable[_ChainRow], trees: Mapping[date, Tree]) -> tuple[int, list[tuple[str, str]]]:
    """Check all chains; returns the rows checked and the first error of each unit. Feeds the days' trees.

    One long function, because a call for each row would take as long as the hash.
    """
    days = {(day - _EPOCH).days: tree for day, tree in trees.items()}
    checked, place = 0, 0
    unit, ends, head, row_day = 0, _HEAD, b"", -1
    add: Callable[[bytes], None] | None = None
    broken: list[tuple[str, str]] = []
    fault: str | None = None
    text = b""
    for row_unit, row_ends, day, sequence, stored, previous, row_text in rows:
        if row_unit != unit:
            if fault or ends != _HEAD:
                broken.append(_named(unit, text, ends, fault, place))
            unit, head, place, fault = row_unit, b"", 0, None
        ends, text = row_ends, row_text
        checked += 1
        place += 1
        if not checked % _FOLD_EVERY:
            for tree in days.values():
                tree.fold()
        digest = sha256(row_text).digest()
        if day != row_day:
            row_day, add = day, days[day].add if day in days else None
        if add is not None:
            add(stored)
        if fault is None and (sequence != place or previous != head or digest != stored):
            fault = _fault(sequence, place, day, follows=previous == head)
        head = stored
    if fault or ends != _HEAD:
        broken.append(_named(unit, text, ends, fault, place))
    return checked, broken


def _fault(sequence: int, place: int, day: int, *, follows: bool) -> str:
    on = _EPOCH + timedelta(days=day)
    if sequence != place:
        return f"movement {place} of {on} or before is missing"
    if not follows:
        return f"movement {sequence} of {on} does not follow the one before it"
    return f"movement {sequence} of {on} is not what was recorded"


def _named(unit: int, text: bytes, ends: int, fault: str | None, place: int) -> tuple[str, str]:
    if ends == _GONE:
        return f"unit no. {unit}", "has movements, but the unit is gone"
    serial = text.decode().split("\n", 2)[1]
    return serial, fault or f"its chain ends after movement {place}, not where the unit says"


def _chain_of_seals() -> tuple[list[Seal], list[Violation]]:
    """All seals in order, without leaves, and where their chain breaks."""
    faults: list[Violation] = []
    seals = list(Seal.objects.order_by("day").defer("leaves"))
    before: Seal | None = None
    for seal in seals:
        day = str(seal.day)
        if before is not None and seal.day != before.day + timedelta(days=1):
            faults.append(
                Violation("I7", f"no seal of {before.day + timedelta(days=1)}, but of {day}", [day])
            )
        elif bytes(seal.previous) != (bytes(before.hash) if before else b""):
            faults.append(Violation("I7", f"the seal of {day} does not follow the one before it", [day]))
        elif bytes(seal.hash) != seal_hash(
            day=seal.day,
            movement_count=seal.movement_count,
            root=bytes(seal.root),
            previous=bytes(seal.previous),
        ):
            faults.append(Violation("I7", f"the seal of {day} is not what was sealed", [day]))
        before = seal
    return seals, faults


def _check_day(seal: Seal, tree: Tree) -> Violation | None:
    if len(tree) == seal.movement_count and tree.root() == bytes(seal.root):
        return None
    serial, what = _first_difference(seal)
    return Violation("I7", f"{seal.day} is not what was sealed: {what}", [str(seal.day), serial])


def _first_difference(seal: Seal) -> tuple[str, str]:
    """The first unit with a wrong row on that day, found with the leaves of the seal, and the error."""
    then = {leaf[:2]: leaf.hash for leaf in unpack(bytes(seal.leaves))}
    if root_of(list(then.values())) != bytes(seal.root):
        return "", "its leaves were rewritten"
    now = {leaf[:2]: leaf.hash for leaf in movements_of(seal.day)}
    different = {place for place in then.keys() | now.keys() if then.get(place) != now.get(place)}
    if not different:
        return "", "its count was rewritten"
    unit_id, sequence = min(different)
    serial = Unit.objects.filter(pk=unit_id).values_list("serial", flat=True).first()
    name = serial or f"unit no. {unit_id}"
    place = (unit_id, sequence)
    how = "is gone" if place not in now else "is new" if place not in then else "was rewritten"
    return name, f"movement {sequence} of {name} {how}"


def seals_reach_back_to_the_first_movement() -> Found:
    """No movement is older than the first seal, so no seals were removed at the start."""
    ((first_seal, early),) = _rows(
        """
        SELECT min(seal.day),
               (SELECT count(*) FROM inventory_movement
                WHERE (recorded_at AT TIME ZONE 'UTC')::date < (SELECT min(day) FROM inventory_seal))
        FROM inventory_seal AS seal
        """
    )
    if not early:
        return 1, []
    return 1, [Violation("I7", f"{early} movements are older than the first seal, of {first_seal}", [])]


@contextmanager
def _stream(sql: str, size: int = 2_000) -> Iterator[Iterator[Any]]:
    """Stream rows, because three million movements do not fit into memory.

    Not with a server-side cursor: the server continues while we
    process rows. The connection cannot be used for anything else meanwhile.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # One statement for the whole ledger has no time limit, and uses the order of the index rather
            # than sorting all rows. These settings end with the transaction.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL random_page_cost = 1.1")
            cursor.execute("SET LOCAL work_mem = '64MB'")
        # Django's cursors bind on the client, which excludes binary rows.
        with Cursor(connection.connection) as cursor:
            yield cursor.stream(sql, binary=True, size=size)


def nothing_tainted_came_back() -> Found:
    """No unit that left the building or was quarantined returned to stock."""
    back = _rows(
        """
        SELECT unit.serial, min(movement.sequence) FILTER (WHERE movement.to_account = ANY(%(tainting)s)),
               max(movement.sequence) FILTER (WHERE movement.to_account = ANY(%(clean)s))
        FROM inventory_movement AS movement JOIN inventory_unit AS unit ON unit.id = movement.unit_id
        GROUP BY unit.id, unit.serial
        HAVING min(movement.sequence) FILTER (WHERE movement.to_account = ANY(%(tainting)s))
             < max(movement.sequence) FILTER (WHERE movement.to_account = ANY(%(clean)s))
        ORDER BY unit.serial LIMIT %(at_most)s
        """,
        {"tainting": list(TAINTING_ACCOUNTS), "clean": list(CLEAN_ACCOUNTS), "at_most": NAMED_AT_MOST},
    )
    return Unit.objects.count(), [
        Violation(
            "I8", f"{serial} was out or in quarantine at movement {out} and back in stock at {into}", [serial]
        )
        for serial, out, into in back
    ]


def signed_moves_have_two_names() -> Found:
    """Destructions, write-offs and releases after a recall each have a document approved by two people."""
    looked_at = Movement.objects.filter(reason__in=SIGNED_REASONS)
    unsigned = _rows(
        """
        WITH papers AS (
            SELECT 'destroy' AS reason, code, proposed_by AS first, approved_by AS second
            FROM inventory_writeoff
            UNION ALL SELECT 'lost', code, counted_by, approved_by FROM inventory_count
            UNION ALL SELECT 'lift_recall', code, opened_by, lifted_by FROM inventory_recall
        )
        SELECT unit.serial, movement.sequence, movement.reason, movement.actor
        FROM inventory_movement AS movement
        JOIN inventory_unit AS unit ON unit.id = movement.unit_id
        LEFT JOIN papers ON papers.reason = movement.reason AND papers.code = movement.reference
        WHERE movement.reason = ANY(%s)
          AND (papers.first <> papers.second AND papers.second = movement.actor) IS NOT TRUE
        ORDER BY unit.serial LIMIT %s
        """,
        [list(SIGNED_REASONS), NAMED_AT_MOST],
    )
    return looked_at.count(), [
        Violation("I7", f"{serial}: movement {sequence} ({reason}) has one name only, {actor}", [serial])
        for serial, sequence, reason, actor in unsigned
    ]


def transfers_join() -> Found:
    """Each unit's transfers have no gap and join end to end."""
    broken = _rows(
        """
        SELECT unit.serial, walked.sequence FROM (
            SELECT unit_id, sequence, from_bin_id, lag(to_bin_id) OVER unit AS came_from,
                   row_number() OVER unit AS place
            FROM inventory_transfer WINDOW unit AS (PARTITION BY unit_id ORDER BY sequence)
        ) AS walked JOIN inventory_unit AS unit ON unit.id = walked.unit_id
        WHERE walked.sequence <> walked.place OR walked.from_bin_id IS DISTINCT FROM walked.came_from
        ORDER BY 1, 2 LIMIT %s
        """,
        [NAMED_AT_MOST],
    )
    return Transfer.objects.count(), [
        Violation("I7", f"{serial}: transfer {sequence} does not follow the one before it", [serial])
        for serial, sequence in broken
    ]


def first_movements_name_the_lot() -> Found:
    """The hashed first movement of each unit names its lot."""
    strangers = _rows(
        """
        SELECT unit.serial, lot.reference, movement.reference
        FROM inventory_movement AS movement
        JOIN inventory_unit AS unit ON unit.id = movement.unit_id
        LEFT JOIN inventory_lot AS lot ON lot.id = unit.lot_id
        WHERE movement.sequence = 1
          AND (movement.reference IS DISTINCT FROM lot.reference
               OR lot.key_model_id IS DISTINCT FROM unit.key_model_id)
        ORDER BY unit.serial LIMIT %s
        """,
        [NAMED_AT_MOST],
    )
    return Unit.objects.count(), [
        Violation("I7", f"{serial} is in lot {lot}, but came in as a unit of {first}", [serial])
        for serial, lot, first in strangers
    ]


# A unique constraint with a condition is an index to PostgreSQL.
_CONSTRAINT_NAMES = "SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind = 'i'"


def ledger_triggers_are_in_place() -> Found:
    """The ledger's triggers and constraints are those of the code, and enabled."""
    missing = [
        *_missing_triggers(),
        *(set(_constraints()) - {name for (name,) in _rows(_CONSTRAINT_NAMES)}),
    ]
    expected = len(_triggers()) + len(_constraints())
    return expected, [Violation("I7", f"the guard {name} is gone or changed", [name]) for name in missing]


def _triggers() -> list[tuple[Any, Any]]:
    return [(model, trigger) for model, trigger in registry.registered() if model in GUARDED]


def _constraints() -> list[str]:
    return [constraint.name for model in GUARDED for constraint in model._meta.constraints]


def _missing_triggers() -> Iterator[str]:
    """Compared by name, state and the text of their functions."""
    installed = {
        name: (enabled, body)
        for name, enabled, body in _rows(
            """
            SELECT tgname, tgenabled::text, prosrc FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal
            """
        )
    }
    for model, trigger in _triggers():
        body = trigger.compile(model).install_sql.split("$$")[1]
        status, _ = trigger.get_installation_status(model)
        if status != INSTALLED or installed.get(trigger.get_pgid(model)) != ("O", body):
            yield trigger.name


CHECKS = [
    Check("I1", "ledger equals units, by key model and account", ledger_equals_units),
    Check("I1", "received equals the sum of all accounts", received_equals_all_accounts),
    Check("I1", "units stand where their movements end", units_stand_where_they_moved),
    Check("I2", "holders are those of the ledger", holders_are_the_ledgers),
    Check("I7", "hash chains of movements and seals of days", chains_and_seals_hold),
    Check("I7", "seals reach back to the first movement", seals_reach_back_to_the_first_movement),
    Check("I7", "two names where two are needed", signed_moves_have_two_names),
    Check("I7", "transfers between bins join", transfers_join),
    Check("I7", "guards of the stock ledger", ledger_triggers_are_in_place),
    Check("I7", "lots are those that units came in with", first_movements_name_the_lot),
    Check("I8", "nothing tainted is in stock", nothing_tainted_came_back),
]
