"""What the stock ledger can refuse."""

from collections.abc import Iterable, Sequence
from datetime import date

from config.errors import KeydeskError
from inventory.rules import SerialProblem, Shortage, ways_out

NAMED_AT_MOST = 20


def some(names: Sequence[str]) -> str:
    """The names for a sentence: all of them, or the first and how many more."""
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown} and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else shown


def shorten(text: str, length: int = 40) -> str:
    """A scanned text fit for a message, however long or odd it is."""
    return repr(text if len(text) <= length else text[:length] + "…")


class InventoryError(KeydeskError):
    """Base of what this app refuses. Nothing has changed when one is raised."""

    code = "inventory_error"


class InsufficientStock(InventoryError):
    """Not enough units; `shortages` says of which model, how many wanted and how many there."""

    code = "insufficient_stock"

    def __init__(self, shortages: Iterable[Shortage]) -> None:
        self.shortages = tuple(shortages)
        parts = (
            f"{short.wanted} wanted of "
            f"{'any model' if short.key_model_id is None else f'key model {short.key_model_id}'}, "
            f"{short.available} available"
            for short in self.shortages
        )
        super().__init__(f"Not enough stock: {'; '.join(parts)}.")


class UnknownSku(InventoryError):
    """No key model has this SKU; `known` lists those there are."""

    code = "unknown_sku"

    def __init__(self, sku: str, known: Sequence[str]) -> None:
        self.sku, self.known = sku, list(known)
        remedy = f"Known: {some(self.known)}." if self.known else "There are no key models yet."
        super().__init__(f"There is no key model {shorten(sku)}. {remedy}")


class UnknownSerial(InventoryError):
    """No unit has this serial."""

    code = "unknown_serial"

    def __init__(self, serial: str) -> None:
        self.serial = serial
        super().__init__(f"There is no unit {shorten(serial)}. Scan it again, or receive it first.")


class BadSerials(InventoryError):
    """Serials that are none, or are in the list twice; every one, with its position."""

    code = "bad_serials"

    def __init__(self, problems: Sequence[SerialProblem]) -> None:
        self.problems = list(problems)
        named = [f"{shorten(found.serial)} {found.problem}" for found in self.problems]
        super().__init__(f"Serials that cannot be received: {some(named)}.")


class SerialSeenBefore(InventoryError):
    """Serials the ledger knows already, in whatever account; every one."""

    code = "serial_seen_before"

    def __init__(self, serials: Sequence[str]) -> None:
        self.serials = list(serials)
        super().__init__(
            f"Received before: {some(self.serials)}. Nothing was received; take them off the list or "
            "put them into quarantine."
        )


class BadReceipt(InventoryError):
    """A quantity or a lot that cannot be received."""

    code = "bad_receipt"


class MoveNotAllowed(InventoryError):
    """The table of moves has no such move from where these units stand."""

    code = "move_not_allowed"

    def __init__(self, *, serials: Sequence[str], from_account: str, to_account: str, reason: str) -> None:
        self.serials = list(serials)
        self.from_account, self.to_account, self.reason = from_account, to_account, reason
        exits = ways_out(from_account)
        super().__init__(
            f"Cannot move {some(self.serials)} from {from_account} to {to_account} for {reason!r}. "
            f"From {from_account} a unit may go to: {', '.join(exits) or 'nowhere'}."
        )


class NotHeldByYou(InventoryError):
    """The units are not held for this holder."""

    code = "not_held_by_you"

    def __init__(self, holder: str, serials: Sequence[str] = ()) -> None:
        self.holder, self.serials = holder, list(serials)
        what = some(self.serials) if self.serials else "any unit"
        super().__init__(f"{holder} does not hold {what}.")


class NotSwappable(InventoryError):
    """The scanned unit cannot take the reserved one's place; the message says why."""

    code = "not_swappable"


class DayNotOver(InventoryError):
    """A day can be sealed once it is over (in UTC)."""

    code = "day_not_over"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"{day} is not over yet. Seal it tomorrow.")
