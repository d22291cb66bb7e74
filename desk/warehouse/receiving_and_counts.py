"""Receive, put away, count: keys are scanned first and then processed together.

Until then each scan can be undone, and no key has moved.
"""

from django.db import transaction

from desk.roles import Action
from desk.warehouse.scan_workflow import Command, Hand, Scanned, ScanRefused, ScanStep
from fulfillment.shipments.errors import AlreadyDone, WrongScanKind
from fulfillment.shipments.models import LabelPurchase
from fulfillment.warehouse.rules.scans import ScanKind, label_code, scan_kind
from inventory.errors import SerialSeenBefore, UnknownSerial
from inventory.models import Unit
from inventory.rules import SHELVED_ACCOUNTS, Account
from inventory.services import bin_transfers, counts
from inventory.services.receiving import receive_stock
from inventory.services.scan_input import clean_scanned

# Small enough to rescan after a failure, and fast to store.
LARGEST_TRAY = 200


def _tray(hand: Hand) -> list[str]:
    tray: list[str] = hand.setdefault("tray", [])
    return tray


def _serial(hand: Hand, scan: Scanned) -> str:
    """The serial of the scanned key, if it is a key and may be added."""
    thing = scan_kind(scan.clean)
    if thing in (ScanKind.PARCEL, ScanKind.SEAL) or scan.clean.startswith("/"):
        raise WrongScanKind(scan.clean, is_a=thing.name.lower(), due="key")
    (serial,) = clean_scanned([scan.clean])
    if serial in _tray(hand):
        raise AlreadyDone(f"Key {serial} has been scanned")
    if len(_tray(hand)) >= LARGEST_TRAY:
        raise ScanRefused(f"There are {LARGEST_TRAY} scanned keys. Finish those first.")
    return serial


def _refuse_label(text: str) -> None:
    """A tracking code can look like a serial; the database decides."""
    if LabelPurchase.objects.filter(tracking_code=label_code(text)).exclude(tracking_code="").exists():
        raise WrongScanKind(text, is_a="label", due="key")


def _take_off(hand: Hand) -> str:
    if not _tray(hand):
        raise ScanRefused("No keys have been scanned, so there is nothing to undo.")
    return f"Key {_tray(hand).pop()} is removed: {len(_tray(hand))} left."


def _put_on(hand: Hand, serial: str) -> str:
    _tray(hand).append(serial)
    return f"Key {serial}: {len(_tray(hand))} scanned."


def _empty(hand: Hand) -> str:
    number = len(_tray(hand))
    hand.clear()
    return f"Set aside. {number} keys were scanned; none of them has changed."


# ── Receive ──────────────────────────────────────────────────────────────────────────────────────────


def _receive(hand: Hand, scan: Scanned) -> str:
    if not hand:
        raise ScanRefused("Enter the key model and the lot first.")
    match scan.clean:
        case Command.UNDO:
            return _take_off(hand)
        case Command.ASIDE:
            return _empty(hand)
        case Command.DONE:
            return _receive_tray(hand, scan)
    serial = _serial(hand, scan)
    _refuse_label(scan.clean)
    if Unit.objects.filter(serial=serial).exists():
        raise SerialSeenBefore([serial])
    return _put_on(hand, serial)


def _receive_tray(hand: Hand, scan: Scanned) -> str:
    if not _tray(hand):
        raise ScanRefused("No keys have been scanned. Scan the keys first.")
    receive_stock(serials=_tray(hand), actor=scan.actor, now=scan.now, **hand["lot"])
    received, hand["tray"] = len(_tray(hand)), []
    hand["received"] = hand.get("received", 0) + received
    return f"Received: {received} keys of lot {hand['lot']['lot_reference']}. Put them away next."


def _receive_due(hand: Hand) -> str:
    if not hand:
        return "Enter the delivery first"
    return f"Scan a key of lot {hand['lot']['lot_reference']}"


RECEIVE = ScanStep(
    action=Action.KEEP_STOCK,
    handle=_receive,
    due=_receive_due,
    name=lambda hand: str(hand["lot"]["lot_reference"]) if hand else "",
    is_one_transaction=True,
)


# ── Put away ─────────────────────────────────────────────────────────────────────────────────────────


def _put_away(hand: Hand, scan: Scanned) -> str:
    match scan.clean:
        case Command.UNDO:
            return _take_off(hand)
        case Command.ASIDE:
            return _empty(hand)
        case bin_label if "/" in bin_label:
            return _put_tray(hand, scan)
    serial = _serial(hand, scan)
    unit = Unit.objects.filter(serial=serial).first()
    if unit is None:
        _refuse_label(scan.clean)
        raise UnknownSerial(serial)
    if unit.account not in SHELVED_ACCOUNTS:
        raise ScanRefused(
            f"Key {serial} is {Account(unit.account).value}, so it does not "
            "belong in a bin. Put it with the other keys in that state."
        )
    return _put_on(hand, serial)


def _put_tray(hand: Hand, scan: Scanned) -> str:
    target = bin_transfers.find_bin(scan.clean)
    if not _tray(hand):
        raise ScanRefused(f"No keys have been scanned. Scan the keys first, then bin {target}.")
    moved = bin_transfers.put_away(serials=_tray(hand), bin_label=scan.clean, actor=scan.actor, now=scan.now)
    same = len(_tray(hand)) - len(moved)
    hand.clear()
    were_there = f" {same} were already there." if same else ""
    return f"{len(moved)} keys are in {target}.{were_there} To move them again, scan them into another bin."


PUT_AWAY = ScanStep(
    action=Action.KEEP_STOCK,
    handle=_put_away,
    due=lambda hand: "Scan keys, then the bin" if hand.get("tray") else "Scan the first key",
    # Accepts keys of any delivery and bin, so no form can be stale.
    name=lambda _hand: "",
    is_one_transaction=True,
)


# ── Count ────────────────────────────────────────────────────────────────────────────────────────────


def _count(hand: Hand, scan: Scanned) -> str:
    if not hand:
        opened = counts.start_count(bin_label=scan.clean, actor=scan.actor, now=scan.now)
        hand.update({"count": opened.code, "bin": str(opened.bin), "tray": []})
        return f"Count {opened.code} of {opened.bin} is open. Scan every key in it."
    match scan.clean:
        case Command.UNDO:
            return _take_off(hand)
        case Command.ASIDE:
            counts.cancel_count(code=hand["count"], actor=scan.actor, now=scan.now)
            hand.clear()
            return "The count is discarded; nothing has changed."
        case Command.DONE:
            return _submit(hand, scan)
        case label if label == hand["bin"]:
            return _submit(hand, scan)
        case other if "/" in other:
            raise WrongScanKind(scan.clean, is_a="bin", due=f"key, or {hand['bin']} when all is scanned")
    serial = _serial(hand, scan)
    _refuse_label(scan.clean)
    return _put_on(hand, serial)


def _submit(hand: Hand, scan: Scanned) -> str:
    code, target = hand["count"], hand["bin"]
    with transaction.atomic():
        if _tray(hand):
            counts.scan(code=code, serials=_tray(hand), actor=scan.actor, now=scan.now)
        differences = counts.submit_count(code=code, actor=scan.actor, now=scan.now)
    hand.clear()
    if not differences:
        return f"{target} is counted, with no differences."
    return f"{target} is counted: {len(differences)} differ. Another member of staff approves count {code}."


def _count_due(hand: Hand) -> str:
    return f"Scan a key, or {hand['bin']} when all is scanned" if hand else "Scan the bin to be counted"


COUNT = ScanStep(
    action=Action.KEEP_STOCK,
    handle=_count,
    due=_count_due,
    name=lambda hand: str(hand.get("count", "")),
    is_one_transaction=True,
)
