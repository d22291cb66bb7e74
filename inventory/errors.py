"""Errors of the stock ledger."""

from collections.abc import Iterable, Sequence
from datetime import date

from common.errors import KeydeskError
from inventory.rules import COUNT_REASONS, SerialProblem, Shortage, reachable_accounts

NAMED_AT_MOST = 20


def some(names: Sequence[str]) -> str:
    """Join names for a message: all of them, or the first few and a count of the rest."""
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown} and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else shown


def shorten(text: str, length: int = 40) -> str:
    """Shorten and quote a scanned text for use in a message."""
    return repr(text if len(text) <= length else text[:length] + "…")


class InventoryError(KeydeskError):
    """Base class of this app's errors. Nothing has changed when one is raised."""

    code = "inventory_error"


class InsufficientStock(InventoryError):
    """Not enough units. `shortages` gives each key model with the units wanted and available."""

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
    """No key model has this SKU; `known` lists the existing ones."""

    code = "unknown_sku"

    def __init__(self, sku: str, known: Sequence[str]) -> None:
        self.sku, self.known = sku, list(known)
        remedy = f"Known: {some(self.known)}." if self.known else "There are no key models yet."
        super().__init__(f"There is no key model {shorten(sku)}. {remedy}")


class UnknownSerial(InventoryError):
    """No unit has this serial, or these serials."""

    code = "unknown_serial"

    def __init__(self, *serials: str) -> None:
        self.serial, self.serials = serials[0], list(serials)
        named = some([shorten(serial) for serial in serials])
        remedy = "Scan it again, or receive it first." if len(serials) == 1 else "Scan or receive them first."
        super().__init__(f"There is no unit {named}. {remedy}")


class BadSerials(InventoryError):
    """Invalid or duplicate serials, all of them, each with its position."""

    code = "bad_serials"

    def __init__(self, problems: Sequence[SerialProblem]) -> None:
        self.problems = list(problems)
        named = [f"{shorten(found.serial)} {found.problem}" for found in self.problems]
        super().__init__(f"Serials that cannot be received: {some(named)}.")


class SerialSeenBefore(InventoryError):
    """Serials that are already in the ledger, in any account; all of them."""

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
    """The table of allowed moves has no such move from the units' current account."""

    code = "move_not_allowed"

    def __init__(self, *, serials: Sequence[str], from_account: str, to_account: str, reason: str) -> None:
        self.serials = list(serials)
        self.from_account, self.to_account, self.reason = from_account, to_account, reason
        exits = reachable_accounts(from_account)
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
    """The scanned unit cannot replace the reserved one; the message gives the reason."""

    code = "not_swappable"


class DayNotOver(InventoryError):
    """The day to seal is not over yet (in UTC)."""

    code = "day_not_over"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"{day} is not over yet. Seal it tomorrow.")


class UnknownBin(InventoryError):
    """No bin has this label; `known` lists the existing ones."""

    code = "unknown_bin"

    def __init__(self, label: str, known: Sequence[str]) -> None:
        self.label, self.known = label, list(known)
        remedy = f"Known: {some(self.known)}." if self.known else "There are no bins yet."
        super().__init__(f"There is no bin {shorten(label)}. {remedy}")


class BadLocation(InventoryError):
    """Invalid warehouse or bin: every invalid field with its error."""

    code = "bad_location"

    def __init__(self, warehouse: str, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        named = "; ".join(f"{name}: {problem}" for name, problem in self.problems[:NAMED_AT_MOST])
        super().__init__(f"Nothing of warehouse {shorten(warehouse)} was changed. {named}")


class WrongBin(InventoryError):
    """Keys that do not belong in this bin, all of them, each with its account."""

    code = "wrong_bin"

    def __init__(self, bin_label: str, refused: Sequence[tuple[str, str]]) -> None:
        self.bin_label, self.refused = bin_label, list(refused)
        named = some([f"{serial} ({account})" for serial, account in self.refused])
        super().__init__(
            f"Not into {bin_label}: {named}. Quarantined keys go into a quarantine bin and no others do; "
            "keys that are packed or out of the building go into none."
        )


class UnknownDocument(InventoryError):
    """No count, write-off or recall with this code is in the required state."""

    code = "unknown_paper"

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"There is no {what} {shorten(code)}.")


class SelfApproval(InventoryError):
    """The person who counted, proposed or opened it cannot also approve it."""

    code = "self_approval"

    def __init__(self, paper: str, actor: str) -> None:
        super().__init__(f"{paper} is by {actor}. Another member of staff must approve it.")


class BinIsBeingCounted(InventoryError):
    code = "bin_is_being_counted"

    def __init__(self, bin_label: str, code: str, counter: str) -> None:
        super().__init__(f"{bin_label} is being counted by {counter} ({code}). Finish or cancel that count.")


class NotYourCount(InventoryError):
    code = "not_your_count"

    def __init__(self, code: str, counter: str) -> None:
        super().__init__(f"{code} is the count of {counter}. Start one of your own.")


class CountClosed(InventoryError):
    code = "count_closed"

    def __init__(self, code: str, state: str) -> None:
        super().__init__(f"{code} is {state}: this cannot be done to it (any more).")


class WrongCount(InventoryError):
    """The scanned keys are in a different bin from the one being counted."""

    code = "wrong_count"

    def __init__(self, bin_label: str, other: str) -> None:
        self.bin_label, self.other = bin_label, other
        super().__init__(
            f"This is a count of {bin_label}, but every key scanned lies in {other}. "
            "Cancel it and count the bin you stand at."
        )


class UndecidedDifferences(InventoryError):
    """Differences without a valid reason, all of them, as (serial, kind, the reason given)."""

    code = "undecided_differences"

    def __init__(self, wrong: Sequence[tuple[str, str, str]]) -> None:
        self.wrong = list(wrong)
        named = [
            f"{serial} ({kind}): {shorten(reason) if reason else 'no reason'}, "
            f"can be {', '.join(sorted(COUNT_REASONS.get(kind, ()))) or 'none'}"
            for serial, kind, reason in self.wrong
        ]
        super().__init__(f"Every difference needs a reason that fits it. {'; '.join(named[:NAMED_AT_MOST])}.")


class CountOutdated(InventoryError):
    """Keys of these differences have moved since the count."""

    code = "count_outdated"

    def __init__(self, code: str, serials: Sequence[str]) -> None:
        self.serials = list(serials)
        super().__init__(f"Moved since {code} was counted: {some(self.serials)}. Cancel it and count again.")


class BadCriteria(InventoryError):
    """Invalid recall criteria, with every reason."""

    code = "bad_criteria"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__(f"Not recalled: {'; '.join(self.problems)}.")
