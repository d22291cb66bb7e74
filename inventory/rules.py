"""Rules of the ledger: allowed movements, the form of serials, allocation of units. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID


class Account(StrEnum):
    """The account a unit is booked in."""

    SUPPLIER = "supplier"
    AVAILABLE = "available"
    RESERVED = "reserved"
    PACKED = "packed"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    QUARANTINE = "quarantine"
    LOST = "lost"
    HELD = "held"
    MISSING = "missing"
    DESTROYED = "destroyed"
    RETURNED = "returned"


class Reason(StrEnum):
    """The reason for a movement: an action on the unit, or the outcome of the request that held it."""

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
    DAMAGED = "damaged"
    LOST = "lost"
    FOUND = "found"
    RECALL = "recall"
    LIFT_RECALL = "lift_recall"


_A, _R = Account, Reason

# The path of a key that is delivered without incident.
COMMON_REASONS = frozenset({_R.RECEIVE, _R.RESERVE, _R.PACK, _R.HAND_OVER, _R.DELIVER})

# The one table of allowed moves. models.py renders it into the check constraint of the movement table.
# A carrier may correct a status, hence CORRECT. Quarantine leads to destruction only, and nothing
# leads from outside the building to an account from which keys are given out (I8).
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
    # The carrier reports a delivery, the maintainer did not receive the parcel.
    (_A.DELIVERED, _A.LOST): frozenset({_R.LOSE}),
    (_A.DELIVERED, _A.RETURNED): frozenset({_R.RETURN}),
    (_A.LOST, _A.IN_TRANSIT): frozenset({_R.CORRECT}),
    (_A.LOST, _A.DELIVERED): frozenset({_R.CORRECT}),
    (_A.LOST, _A.RETURNED): frozenset({_R.RETURN}),
    (_A.RETURNED, _A.QUARANTINE): frozenset({_R.QUARANTINE, _R.FOUND}),
    (_A.AVAILABLE, _A.QUARANTINE): frozenset({_R.QUARANTINE, _R.DAMAGED}),
    (_A.RESERVED, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.PACKED, _A.QUARANTINE): frozenset({_R.QUARANTINE}),
    (_A.QUARANTINE, _A.DESTROYED): frozenset({_R.DESTROY}),
    # Held by a recall: not given out, but not known to be defective.
    (_A.AVAILABLE, _A.HELD): frozenset({_R.RECALL}),
    (_A.RESERVED, _A.HELD): frozenset({_R.RECALL}),
    (_A.HELD, _A.AVAILABLE): frozenset({_R.LIFT_RECALL}),
    (_A.HELD, _A.QUARANTINE): frozenset({_R.QUARANTINE, _R.DAMAGED}),
    # Not found in a count. It may have been tampered with in the meantime.
    (_A.AVAILABLE, _A.MISSING): frozenset({_R.LOST}),
    (_A.HELD, _A.MISSING): frozenset({_R.LOST}),
    (_A.QUARANTINE, _A.MISSING): frozenset({_R.LOST}),
    (_A.MISSING, _A.QUARANTINE): frozenset({_R.FOUND}),
}

# A unit in one of these accounts has a holder, and only that holder's reference moves it.
HOLDING_ACCOUNTS = (_A.RESERVED, _A.PACKED, _A.IN_TRANSIT, _A.DELIVERED, _A.LOST, _A.RETURNED)
# I8: a unit that was in one of the first never returns to one of the second.
TAINTING_ACCOUNTS = (
    _A.IN_TRANSIT,
    _A.DELIVERED,
    _A.RETURNED,
    _A.LOST,
    _A.MISSING,
    _A.QUARANTINE,
    _A.DESTROYED,
)
CLEAN_ACCOUNTS = (_A.AVAILABLE, _A.RESERVED, _A.PACKED)
# Units in these accounts are in bins and are counted there. Packed keys are in their parcels.
SHELVED_ACCOUNTS = (_A.AVAILABLE, _A.RESERVED, _A.HELD, _A.QUARANTINE)
# These need a write-off, count or lifted recall that a second person approved.
SIGNED_REASONS = (_R.DESTROY, _R.LOST, _R.LIFT_RECALL)


def move_allowed(from_account: str, to_account: str, reason: str) -> bool:
    """Whether the table has this move for this reason."""
    try:
        return Reason(reason) in MOVES.get((Account(from_account), Account(to_account)), ())
    except ValueError:
        return False


def reachable_accounts(from_account: str) -> list[str]:
    """Accounts that a unit may move to from here, for messages."""
    return sorted(to for origin, to in MOVES if origin == from_account)


# Texts that enter a movement's hash. None may contain a line break, which separates the fields there,
# and an actor cannot contain an email address, because ledger rows outlive every erasure.
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
    """Trim and upper-case serials; list all that are invalid or duplicated.

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
    """The stock of one key model. `available` may stop counting at the number wanted."""

    key_model_id: int
    connector: str
    available: int
    oldest_received_at: datetime


@dataclass(frozen=True)
class Shortage:
    """More units wanted than available. `key_model_id` None means "any model"."""

    key_model_id: int | None
    wanted: int
    available: int


@dataclass(frozen=True)
class Allocation:
    """How many units to take of which model, or what is short; never both."""

    quantities: Mapping[int, int]
    shortages: tuple[Shortage, ...] = ()


class Wanted(NamedTuple):
    """A number of units of one key model, or of any (None)."""

    key_model_id: int | None
    quantity: int


def plan_allocation(wanted: Iterable[Wanted], available_by_model: Iterable[ModelStock]) -> Allocation:
    """Choose the models that serve a request, all or nothing.

    Named models come first. Each "any" unit is then of the connector the request has fewest of, so
    that a pair is one of each, or two of the same when only one is left; among equals of the model
    with the oldest unit.
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


def without(
    wanted: Iterable[Wanted], shortages: Iterable[Shortage]
) -> tuple[list[Wanted], Mapping[int | None, int]]:
    """Split what is wanted into the available part and the shortage."""
    missing = {short.key_model_id: short.wanted - short.available for short in shortages}
    named, anything = split_wanted(wanted)
    total: dict[int | None, int] = {}
    total.update(named.items())
    if anything:
        total[None] = anything
    rest = {model: quantity - missing.get(model, 0) for model, quantity in total.items()}
    return [Wanted(model, quantity) for model, quantity in rest.items() if quantity > 0], missing


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


# The reasons that the approver may give for each kind of difference.
COUNT_REASONS: Mapping[str, frozenset[str]] = {
    "missing": frozenset({"lost", "damaged", "miscounted", "data_entry"}),
    "unexpected": frozenset({"found", "data_entry", "miscounted"}),
    "unknown": frozenset({"data_entry", "miscounted"}),
}


def reason_fits(kind: str, reason: str) -> bool:
    """Whether a difference of this kind can be settled for this reason."""
    return reason in COUNT_REASONS[kind]


_FIRMWARE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}", re.ASCII)


def firmware_key(text: str) -> tuple[int, ...] | None:
    """Sort key of a firmware: 5.10 is later than 5.9, and 5.7 equals 5.7.0. None if not a version."""
    if not _FIRMWARE.fullmatch(text):
        return None
    numbers = [int(part) for part in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def firmware_between(firmware: str, first: str, last: str) -> bool:
    """Whether a lot's firmware is in a range, both ends included; an empty end is open."""
    if not first and not last:
        return True
    key = firmware_key(firmware)
    lowest, highest = firmware_key(first), firmware_key(last)
    return key is not None and (lowest is None or lowest <= key) and (highest is None or key <= highest)


@dataclass(frozen=True)
class Criteria:
    """Criteria of a recall. All that are given must apply."""

    sku: str = ""
    lot: str = ""
    firmware_from: str = ""
    firmware_to: str = ""
    serials: tuple[str, ...] = ()
    aaguid: str = ""

    def problems(self) -> list[str]:
        """The errors in these criteria, if any."""
        found = [
            f"{shown!r} is not a firmware version such as 5.7.1"
            for shown in (self.firmware_from, self.firmware_to)
            if shown and firmware_key(shown) is None
        ]
        first, last = firmware_key(self.firmware_from), firmware_key(self.firmware_to)
        if first is not None and last is not None and first > last:
            found.append(
                f"the firmware range ends ({self.firmware_to}) before it begins ({self.firmware_from})"
            )
        try:
            UUID(self.aaguid or "0" * 32)
        except ValueError:
            found.append(f"{self.aaguid[:40]!r} is not an AAGUID")
        if self == Criteria():
            found.append("a recall needs a model, a lot, a firmware range, serials or an AAGUID")
        return found

    def as_document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Criteria":
        return cls(**{**document, "serials": tuple(document.get("serials", ()))})


@dataclass(frozen=True)
class Outlook:
    """How long stock lasts at the rate it is being reserved."""

    available: int
    per_day: float

    @property
    def days_left(self) -> float | None:
        """Days of stock left; None when no units are being reserved."""
        return self.available / self.per_day if self.per_day > 0 else None

    def is_low(self, threshold_days: int) -> bool:
        return self.days_left is not None and self.days_left < threshold_days
