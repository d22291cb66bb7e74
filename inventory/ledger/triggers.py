"""Triggers that enforce the invariants of the stock ledger for every client (I1, I2, I7, I8).

- Inserting a movement moves the unit: `movement_is_chained` locks the unit, checks that the movement fits,
  and sets its sequence and hash; `movement_moves_its_unit` applies it. A movement never changes.
- A unit's account changes only through its next movement. `unit_stands_where_its_movements_say` looks
  that movement up; it relies on no setting or trigger nesting, which a session could fake.

Each raises an integrity error with the trigger's name as constraint; tests/inventory/test_ledger_triggers.py
attacks all of them.
"""

from functools import reduce
from operator import or_

import pgtrigger

from inventory.ledger import seals
from inventory.ledger.hashing import FORM
from inventory.rules import HOLDING_ACCOUNTS, SERIAL_PATTERN, SHELVED_ACCOUNTS, SIGNED_REASONS
from inventory.triggers import GuardTrigger, LookupTrigger, Refuse, raise_sql

_HOLDING = ", ".join(f"'{account}'" for account in HOLDING_ACCOUNTS)


def _differs(*fields: str) -> pgtrigger.Q:
    return reduce(or_, (pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")}) for name in fields))


KEY_MODEL_GUARDS = [
    Refuse(
        name="sku_never_changes",
        operation=pgtrigger.Update,
        condition=_differs("sku"),
        sentence="a SKU is part of the hashes of its units and never changes",
    ),
]

LOT_GUARDS = [
    Refuse(
        name="lot_identity_never_changes",
        operation=pgtrigger.Update,
        condition=_differs("reference", "key_model"),
        sentence="the reference and key model of a lot never change",
    ),
    Refuse(
        name="lot_is_never_deleted",
        operation=pgtrigger.Delete,
        sentence="a lot is never deleted; its units tell where they came from",
    ),
    Refuse(
        name="lots_are_never_truncated",
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        sentence="lots are never deleted",
    ),
]

_UNIT_IS_OF_ITS_LOTS_KEY_MODEL = f"""
    IF EXISTS (
        SELECT FROM created
        LEFT JOIN inventory_lot AS lot ON lot.id = created.lot_id
        WHERE lot.key_model_id IS DISTINCT FROM created.key_model_id
    ) THEN
        {raise_sql("unit_is_of_its_lots_key_model", "a unit is of the key model of its lot")}
    END IF;
    RETURN NULL;
"""  # noqa: S608 - constants

_UNIT_STANDS_WHERE_ITS_MOVEMENTS_SAY = f"""
    IF NEW.movement_count = OLD.movement_count + 1 AND EXISTS (
        SELECT FROM inventory_movement AS movement
        WHERE movement.unit_id = NEW.id
          AND movement.sequence = NEW.movement_count
          AND movement.from_account = OLD.account
          AND movement.previous_hash = OLD.head_hash
          AND movement.to_account = NEW.account
          AND movement.hash = NEW.head_hash
          AND movement.moved_at = NEW.moved_at
          AND NEW.held_for IS NOT DISTINCT FROM
              CASE WHEN movement.to_account IN ({_HOLDING}) THEN movement.reference END
    ) THEN
        RETURN NEW;
    END IF;
    {raise_sql("unit_stands_where_its_movements_say", "a unit moves by a movement only")}
"""  # noqa: S608 - constants

UNIT_GUARDS = [
    Refuse(
        name="unit_starts_at_the_supplier",
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(
            "NEW.account <> 'supplier' OR NEW.held_for IS NOT NULL OR NEW.movement_count <> 0"
            " OR NEW.head_hash <> '' OR NEW.moved_at IS NOT NULL"
        ),
        sentence="a unit starts at the supplier, without movements; receiving moves it on",
    ),
    # Not a check constraint, which would be evaluated at every move, although a serial never changes.
    Refuse(
        name="serial_is_plain",
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(f"NEW.serial !~ '{SERIAL_PATTERN}'"),
        sentence="a serial is 4 to 64 of A-Z, 0-9 and -",
    ),
    LookupTrigger(
        name="unit_is_of_its_lots_key_model",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="created"),  # type: ignore[no-untyped-call]
        func=_UNIT_IS_OF_ITS_LOTS_KEY_MODEL,
    ),
    Refuse(
        name="unit_identity_never_changes",
        operation=pgtrigger.Update,
        condition=_differs("id", "serial", "key_model", "lot", "received_at"),
        sentence="the serial, key model, lot and receipt of a unit never change",
    ),
    LookupTrigger(
        name="unit_stands_where_its_movements_say",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=_differs("account", "held_for", "movement_count", "head_hash", "moved_at"),
        func=_UNIT_STANDS_WHERE_ITS_MOVEMENTS_SAY,
    ),
    Refuse(
        name="unit_is_never_deleted",
        operation=pgtrigger.Delete,
        sentence="a unit is never deleted; destroy it by a movement",
    ),
    Refuse(
        name="units_are_never_truncated",
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        sentence="units are never deleted",
    ),
]

_WRONG_PLACE = raise_sql(
    "movement_starts_where_the_unit_stands",
    "unit % stands in %, not in %",
    "standing.serial",
    "standing.account",
    "NEW.from_account",
)
_WRONG_HOLDER = raise_sql(
    "held_unit_moves_for_its_holder",
    "unit % is held for %, not for %",
    "standing.serial",
    "standing.held_for",
    "NEW.reference",
)

# The lock serializes the movements of a unit; chains are per unit, so there is no row that
# all movements wait for. moved_at takes the greater value because a slow clock must
# not put a movement before its predecessor, or a unit would be in two accounts at a moment. The hash is of
# the text described in hashing.py.
_MOVEMENT_IS_CHAINED = f"""
    SELECT unit.account, unit.held_for, unit.movement_count, unit.head_hash, unit.moved_at,
           unit.serial, key_model.sku
    INTO standing
    FROM inventory_unit AS unit
    JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id
    WHERE unit.id = NEW.unit_id
    FOR NO KEY UPDATE OF unit;
    IF NOT FOUND THEN
        {raise_sql("movement_has_a_unit", "there is no unit %", "NEW.unit_id")}
    END IF;
    IF standing.account <> NEW.from_account THEN
        {_WRONG_PLACE}
    END IF;
    IF standing.held_for <> NEW.reference THEN
        {_WRONG_HOLDER}
    END IF;
    NEW.sequence := standing.movement_count + 1;
    NEW.previous_hash := standing.head_hash;
    NEW.moved_at := greatest(NEW.moved_at, standing.moved_at);
    NEW.recorded_at := clock_timestamp();
    NEW.hash := sha256(convert_to(concat_ws(E'\\n',
        '{FORM}', standing.serial, standing.sku, NEW.sequence, NEW.from_account, NEW.to_account,
        NEW.reason, NEW.reference, NEW.actor,
        (extract(epoch FROM NEW.moved_at) * 1000000)::bigint,
        (extract(epoch FROM NEW.recorded_at) * 1000000)::bigint,
        encode(NEW.previous_hash, 'hex')), 'UTF8'));
    RETURN NEW;
"""  # noqa: S608 - constants

# One update for all rows of the statement, because PostgreSQL prepares check constraints and triggers
# for each statement, which costs more than the update.
_MOVEMENT_MOVES_ITS_UNIT = f"""
    UPDATE inventory_unit AS unit
    SET account = moved.to_account,
        held_for = CASE WHEN moved.to_account IN ({_HOLDING}) THEN moved.reference END,
        movement_count = moved.sequence,
        head_hash = moved.hash,
        moved_at = moved.moved_at
    FROM moved
    WHERE unit.id = moved.unit_id;
    RETURN NULL;
"""  # noqa: S608 - constants

# A constraint of each table ensures that the two people differ.
_SIGNED = ", ".join(f"'{reason}'" for reason in SIGNED_REASONS)
_MOVEMENT_IS_SIGNED = f"""
    IF NEW.reason = 'destroy' AND EXISTS (
        SELECT FROM inventory_writeoff AS paper
        JOIN inventory_writeoffunit AS line ON line.write_off_id = paper.id
        WHERE paper.code = NEW.reference AND paper.approved_by = NEW.actor AND line.unit_id = NEW.unit_id
    ) OR NEW.reason = 'lost' AND EXISTS (
        SELECT FROM inventory_count AS paper
        JOIN inventory_difference AS line ON line.count_id = paper.id
        WHERE paper.code = NEW.reference AND paper.approved_by = NEW.actor AND line.unit_id = NEW.unit_id
          AND line.kind = 'missing' AND line.reason = 'lost'
    ) OR NEW.reason = 'lift_recall' AND EXISTS (
        SELECT FROM inventory_recall AS paper
        JOIN inventory_recalledunit AS line ON line.recall_id = paper.id
        WHERE paper.code = NEW.reference AND paper.lifted_by = NEW.actor AND line.unit_id = NEW.unit_id
    ) AND NOT EXISTS (
        SELECT FROM inventory_recall AS other
        JOIN inventory_recalledunit AS line ON line.recall_id = other.id
        WHERE other.lifted_at IS NULL AND line.unit_id = NEW.unit_id
    ) THEN
        RETURN NEW;
    END IF;
    {raise_sql("movement_is_signed", "for this a second person must have signed")}
"""  # noqa: S608 - constants

MOVEMENT_GUARDS = [
    LookupTrigger(
        name="movement_is_chained",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("standing", "record")],
        func=_MOVEMENT_IS_CHAINED,
    ),
    LookupTrigger(
        name="movement_moves_its_unit",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="moved"),  # type: ignore[no-untyped-call]
        func=_MOVEMENT_MOVES_ITS_UNIT,
    ),
    GuardTrigger(
        name="movement_is_signed",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(f"NEW.reason IN ({_SIGNED})"),
        func=_MOVEMENT_IS_SIGNED,
    ),
    Refuse(
        name="movement_never_changes",
        operation=pgtrigger.Update | pgtrigger.Delete,
        sentence="a movement never changes and is never deleted; correct it by another one",
    ),
    Refuse(
        name="movements_are_never_truncated",
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        sentence="movements are never deleted",
    ),
]

# The seal is of the text described in seals.py. A day has one seal and follows the last sealed day,
# so two concurrent seals cannot both succeed.
_SEAL_FOLLOWS = f"""
    SELECT seal.day, seal.hash INTO newest FROM inventory_seal AS seal ORDER BY seal.day DESC LIMIT 1;
    IF FOUND AND NEW.day <> newest.day + 1 THEN
        {raise_sql("seal_is_of_the_next_day", "the next day to seal is %", "newest.day + 1")}
    END IF;
    NEW.previous := coalesce(newest.hash, '');
    NEW.sealed_at := clock_timestamp();
    NEW.hash := sha256(convert_to(concat_ws(E'\\n', '{seals.FORM}', to_char(NEW.day, 'YYYY-MM-DD'),
        NEW.movement_count, encode(NEW.root, 'hex'), encode(NEW.previous, 'hex')), 'UTF8'));
    RETURN NEW;
"""  # noqa: S608 - constants

SEAL_GUARDS = [
    GuardTrigger(
        name="seal_follows_the_one_before",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("newest", "record")],
        func=_SEAL_FOLLOWS,
    ),
    Refuse(
        name="seal_never_changes",
        operation=pgtrigger.Update | pgtrigger.Delete,
        sentence="a seal never changes and is never deleted",
    ),
    Refuse(
        name="seals_are_never_truncated",
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        sentence="seals are never deleted",
    ),
]


def _kept(what: str, sentence: str) -> list[GuardTrigger]:
    """Triggers that make a table append-only."""
    return [
        Refuse(name=f"{what}_stay", operation=pgtrigger.Update | pgtrigger.Delete, sentence=sentence),
        *_not_deleted(what, sentence, pgtrigger.Truncate),
    ]


def _not_deleted(what: str, sentence: str, *operations: pgtrigger.Operation) -> list[GuardTrigger]:
    names = {pgtrigger.Delete: "deleted", pgtrigger.Truncate: "truncated"}
    return [
        Refuse(
            name=f"{what}_are_not_{names[operation]}",
            operation=operation,
            level=pgtrigger.Statement if operation is pgtrigger.Truncate else pgtrigger.Row,
            sentence=sentence,
        )
        for operation in operations
    ]


# The unit's lock serializes its transfers and movements.
_SHELVED = ", ".join(f"'{account}'" for account in SHELVED_ACCOUNTS)
_TRANSFER_FOLLOWS = f"""
    SELECT unit.serial, unit.account INTO standing
    FROM inventory_unit AS unit WHERE unit.id = NEW.unit_id FOR NO KEY UPDATE;
    SELECT transfer.sequence, transfer.to_bin_id INTO newest
    FROM inventory_transfer AS transfer WHERE transfer.unit_id = NEW.unit_id
    ORDER BY transfer.sequence DESC LIMIT 1;
    IF NEW.from_bin_id IS DISTINCT FROM newest.to_bin_id THEN
        {raise_sql("transfer_starts_where_the_unit_lies", "unit % lies elsewhere", "standing.serial")}
    END IF;
    IF NEW.to_bin_id IS NOT NULL AND (
        standing.account NOT IN ({_SHELVED})
        OR (standing.account = 'quarantine') <> (
            SELECT bin.is_quarantine FROM inventory_bin AS bin WHERE bin.id = NEW.to_bin_id)
    ) THEN
        {
    raise_sql(
        "quarantine_lies_by_itself",
        "unit % in % does not go into this bin",
        "standing.serial",
        "standing.account",
    )
}
    END IF;
    NEW.sequence := coalesce(newest.sequence, 0) + 1;
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
"""  # noqa: S608 - constants

TRANSFER_GUARDS = [
    LookupTrigger(
        name="transfer_follows_the_one_before",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("standing", "record"), ("newest", "record")],
        func=_TRANSFER_FOLLOWS,
    ),
    *_kept("transfers", "a transfer never changes and is never deleted; correct it by another one"),
]

SCAN_GUARDS = _kept("scans", "a scan never changes and is never deleted; count again")
COUNT_GUARDS = [
    Refuse(
        name="closed_count_never_changes",
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition(
            "OLD.state IN ('approved', 'cancelled') OR OLD.code <> NEW.code OR OLD.bin_id <> NEW.bin_id"
            " OR OLD.counted_by <> NEW.counted_by OR (OLD.state = 'counting' AND NEW.state = 'approved')"
            " OR (OLD.state = 'counted' AND NEW.state = 'counting')"
        ),
        sentence="a count that is closed never changes, nor does its bin or who counted; count again",
    ),
    *_not_deleted("counts", "a count is never deleted; cancel it", pgtrigger.Delete, pgtrigger.Truncate),
]
DIFFERENCE_GUARDS = [
    Refuse(
        name="difference_is_decided_once",
        operation=pgtrigger.Update,
        condition=~pgtrigger.Q(old__reason="")
        | _differs("count", "serial", "unit", "kind", "movement_count", "booked_bin"),
        sentence="a difference never changes but for its reason, which is given once",
    ),
    *_not_deleted("differences", "a difference is never deleted", pgtrigger.Delete, pgtrigger.Truncate),
]
WRITE_OFF_GUARDS = [
    Refuse(
        name="approved_write_off_never_changes",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__approved_by__isnull=False)
        | _differs("code", "proposed_by", "proposed_at"),
        sentence="a write-off that is approved never changes, nor does who proposed it",
    ),
    *_not_deleted("write_offs", "a write-off is never deleted", pgtrigger.Delete, pgtrigger.Truncate),
]
_WRITE_OFF_IS_OPEN = f"""
    IF EXISTS (SELECT FROM inventory_writeoff WHERE id = NEW.write_off_id AND approved_by IS NOT NULL) THEN
        {raise_sql("write_off_is_signed_as_it_stands", "nothing is added to a write-off that is approved")}
    END IF;
    RETURN NEW;
"""
WRITE_OFF_UNIT_GUARDS = [
    GuardTrigger(
        name="write_off_is_signed_as_it_stands",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=_WRITE_OFF_IS_OPEN,
    ),
    *_kept("write_off_lines", "a line of a write-off never changes and is never deleted"),
]
RECALL_GUARDS = [
    Refuse(
        name="recall_never_changes",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__lifted_at__isnull=False)
        | _differs("code", "why", "criteria", "opened_by", "opened_at"),
        sentence="a recall never changes but for being lifted, once; open another",
    ),
    *_not_deleted("recalls", "a recall is never deleted; lift it", pgtrigger.Delete, pgtrigger.Truncate),
]
RECALLED_UNIT_GUARDS = _kept("recalled_units", "what a recall found never changes and is never deleted")
