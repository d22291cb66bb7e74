"""Where a key may go next, what a serial looks like, and which keys serve a request: pure decisions."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Account(StrEnum):
    """Where a unit stands in the ledger."""

    SUPPLIER = "supplier"
    AVAILABLE = "available"
    RESERVED = "reserved"
    PACKED = "packed"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    QUARANTINE = "quarantine"
    LOST = "lost"
    DESTROYED = "destroyed"
    RETURNED = "returned"


class Reason(StrEnum):
    """Why a unit moved: what was done to it, or what became of the request that held it."""

    RECEIVE = "receive"
    RESERVE = "reserve"
    SWAP = "swap"
    RELEASED = "released"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    PACK = "pack"
    UNPACK = "unpack"
    HAND_OVER = "hand_over"
    DELIVER = "deliver"
    LOSE = "lose"
    RETURN = "return"
    CORRECT = "correct"
    QUARANTINE = "quarantine"
    DESTROY = "destroy"


_A, _R = Account, Reason

# The one table of allowed moves. models.py renders it into the check constraint of the movement table.
# A carrier may take back what it said, hence CORRECT. Quarantine leads to destruction only, and nothing
# leads from outside the building to where a key can be given out (I8).
MOVES: Mapping[tuple[Account, Account], frozenset[Reason]] = {
    (_A.SUPPLIER, _A.AVAILABLE): frozenset({_R.RECEIVE}),
    (_A.AVAILABLE, _A.RESERVED): frozenset({_R.RESERVE, _R.SWAP}),
    (_A.RESERVED, _A.AVAILABLE): frozenset({_R.RELEASED, _R.CANCELLED, _R.REJECTED, _R.EXPIRED, _R.SWAP}),
    (_A.RESERVED, _A.PACKED): frozenset({_R.PACK}),
    (_A.PACKED, _A.RESERVED): frozenset({_R.UNPACK}),
    (_A.PACKED, _A.IN_TRANSIT): frozenset({_R.HAND_OVER}),
    (_A.IN_TRANSIT, _A.DELIVERED): frozenset({_R.DELIVER}),
    (_A.IN_TRANSIT, _A.LOST): frozenset({_R.LOSE}),
    (_A.IN_TRANSIT, _A.RETURNED): frozenset({_R.RETURN}),
    (_A.DELIVERED, _A.IN_TRANSIT): frozenset({_R.CORRECT}),
    # "Delivered" says the carrier, "not to me" says the maintainer.
    (_A.DELIVERED, _A.LOST): frozenset({_R.LOSE}),
    (_A.DELIVERED, _A.RETURNED): frozenset({_R.RETURN}),
    (_A.LOST, _A.IN_TRANSIT): frozenset({_R.CORRECT}),
    (_A.LOST, _A.DELIVERED): frozenset({_R.CORRECT}),
    (_A.LOST, _A.RETURNED): frozenset({_R.RETURN}),
    (_A.RETURNED, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.AVAILABLE, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.RESERVED, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.PACKED, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.QUARANTINE, _A.DESTROYED): frozenset({_R.DESTROY}),
}

# While a unit stands in one of these, it is somebody's, and only that somebody's reference moves it.
HOLDING_ACCOUNTS = (_A.RESERVED, _A.PACKED, _A.IN_TRANSIT, _A.DELIVERED, _A.LOST, _A.RETURNED)
# I8: a unit that was in one of the first never stands in one of the second again.
TAINTING_ACCOUNTS = (_A.IN_TRANSIT, _A.DELIVERED, _A.RETURNED, _A.LOST, _A.QUARANTINE, _A.DESTROYED)
CLEAN_ACCOUNTS = (_A.AVAILABLE, _A.RESERVED, _A.PACKED)


def move_allowed(from_account: str, to_account: str, reason: str) -> bool:
    """Whether the table has this move for this reason."""
    try:
        return Reason(reason) in MOVES.get((Account(from_account), Account(to_account)), ())
    except ValueError:
        return False


def ways_out(from_account: str) -> list[str]:
    """Where a unit may go from here, for the message of a refusal."""
    return sorted(to for origin, to in MOVES if origin == from_account)


# Texts that enter a movement's hash. None may hold a line break, which separates the fields there,
# and an actor has no room for a mail address: ledger rows outlive every erasure, so nobody is in them.
SERIAL_PATTERN = r"^[A-Z0-9-]{4,64}$"
REFERENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._:/#-]{0,79}$"
ACTOR_PATTERN = r"^[a-z]+(:[A-Za-z0-9_.-]{1,64})?$"

_REFERENCE = re.compile(REFERENCE_PATTERN, re.ASCII)
_ACTOR = re.compile(ACTOR_PATTERN, re.ASCII)
_SCANNED_SERIAL = re.compile(r"[A-Za-z0-9-]{4,64}", re.ASCII)


def is_reference(text: str) -> bool:
    """Whether a text can be the reference of a lot or a movement."""
    return _REFERENCE.fullmatch(text) is not None


def is_actor(text: str) -> bool:
    """Whether a text can be the actor of a movement: a role and a name, such as `staff:ada`."""
    return _ACTOR.fullmatch(text) is not None


@dataclass(frozen=True)
class SerialProblem:
    """One serial that cannot be received: its position in the list (from 0), itself, and why."""

    position: int
    serial: str
    problem: str


def clean_serials(serials: Iterable[str]) -> tuple[list[str], list[SerialProblem]]:
    """Trim and upper-case serials; list every one that is not a serial or is there twice.

    Upper-casing comes after the check: it would turn the likes of `ß` into plain letters.
    """
    clean: list[str] = []
    problems: list[SerialProblem] = []
    first_seen: dict[str, int] = {}
    for position, text in enumerate(serials):
        trimmed = text.strip()
        serial = trimmed.upper()
        if not _SCANNED_SERIAL.fullmatch(trimmed):
            problems.append(SerialProblem(position, trimmed, _what_is_wrong(trimmed)))
        elif serial in first_seen:
            problems.append(SerialProblem(position, serial, "is in the list twice"))
        else:
            first_seen[serial] = position
            clean.append(serial)
    return clean, problems


def _what_is_wrong(serial: str) -> str:
    if len(serial) < 4:
        return "is shorter than 4 characters"
    if len(serial) > 64:
        return "is longer than 64 characters"
    return "has characters other than A-Z, 0-9 and -"


@dataclass(frozen=True)
class ModelStock:
    """What can be had of one key model. `available` may stop counting at the number wanted."""

    key_model_id: int
    connector: str
    available: int
    oldest_received_at: datetime


@dataclass(frozen=True)
class Shortage:
    """More wanted than there is. `key_model_id` None stands for "any model"."""

    key_model_id: int | None
    wanted: int
    available: int


@dataclass(frozen=True)
class Allocation:
    """How many units to take of which model, or what is short; never both."""

    quantities: Mapping[int, int]
    shortages: tuple[Shortage, ...] = ()


class Wanted(NamedTuple):
    """So many units of one key model, or of any (None)."""

    key_model_id: int | None
    quantity: int


def plan_allocation(wanted: Iterable[Wanted], available_by_model: Iterable[ModelStock]) -> Allocation:
    """Choose the models that serve a request, all or nothing.

    Named models come first. Each "any" unit then goes to the connector the request has fewest of, so
    that a pair is one of each, or two of the same when only one is left; among equals to the model
    whose oldest unit has waited longest.
    """
    stock = {model.key_model_id: model for model in available_by_model}
    named, anything = split_wanted(wanted)
    shortages = [
        Shortage(model_id, quantity, stock[model_id].available if model_id in stock else 0)
        for model_id, quantity in named.items()
        if model_id not in stock or stock[model_id].available < quantity
    ]
    if shortages:
        return Allocation({}, tuple(shortages))
    taken = Counter(named)
    for served in range(anything):
        candidates = [model for model in stock.values() if model.available > taken[model.key_model_id]]
        if not candidates:
            return Allocation({}, (Shortage(None, anything, served),))
        taken[_next_of_any(candidates, stock, taken).key_model_id] += 1
    return Allocation(dict(taken))


def _next_of_any(
    candidates: Iterable[ModelStock], stock: Mapping[int, ModelStock], taken: Counter[int]
) -> ModelStock:
    by_connector: Counter[str] = Counter()
    for model_id, quantity in taken.items():
        by_connector[stock[model_id].connector] += quantity
    return min(
        candidates,
        key=lambda model: (by_connector[model.connector], model.oldest_received_at, model.key_model_id),
    )


def split_wanted(wanted: Iterable[Wanted]) -> tuple[Counter[int], int]:
    """Add the wanted items up: units by named model, and units of any model."""
    named: Counter[int] = Counter()
    anything = 0
    for model_id, quantity in wanted:
        assert quantity > 0, "an item wants at least one unit"
        if model_id is None:
            anything += quantity
        else:
            named[model_id] += quantity
    return named, anything
