"""Returns: scan the parcel's label, the keys found in it, and the quarantine bin.

Nothing is recorded until the bin is scanned. Actual contents count, not expected ones: a key of another
parcel is received too, and a missing key opens a case.
"""

from dataclasses import asdict

from desk.roles import Action
from desk.warehouse.scan_workflow import Command, Hand, Scanned, ScanRefused, ScanStep
from fulfillment.shipments.errors import AlreadyDone, WrongScanKind
from fulfillment.warehouse import selectors
from fulfillment.warehouse.rules.scans import ScanKind, scan_kind
from fulfillment.warehouse.services import returns
from inventory.errors import UnknownSerial
from inventory.models import Unit
from inventory.services import bin_transfers
from inventory.services.scan_input import clean_scanned


def _handle(hand: Hand, scan: Scanned) -> str:
    if not hand:
        return _open(hand, scan)
    match scan.clean:
        case Command.UNDO:
            return _take_out(hand)
        case Command.ASIDE:
            parcel = hand["parcel"]
            hand.clear()
            return f"Parcel {parcel} is set aside. Nothing has changed."
        case Command.DONE:
            return _take_in(hand, scan)
        case bin_label if "/" in bin_label:
            _check_bin(hand, bin_label)
            return _take_in(hand, scan, bin_label=bin_label)
    return _find_key(hand, scan)


def _open(hand: Hand, scan: Scanned) -> str:
    if scan.clean.startswith("/"):
        raise ScanRefused("There is no current parcel. Scan its label: the original or the return label.")
    if scan_kind(scan.clean) is ScanKind.SEAL:
        raise WrongScanKind(scan.clean, is_a="seal", due="label")
    back = selectors.returning_parcel(scan.text)
    hand.update({"parcel": back.parcel, "keys": [asdict(key) for key in back.keys], "tray": []})
    return f"Parcel {back.parcel}, {back.state}. Open it and scan every key in it."


def _check_bin(hand: Hand, bin_label: str) -> None:
    if not bin_transfers.find_bin(bin_label).is_quarantine:
        raise ScanRefused(f"{bin_label} is not a quarantine bin. Returned keys go into quarantine only.")
    if not hand["tray"]:
        raise ScanRefused("No keys have been scanned. Scan the keys first, or choose “The parcel was empty”.")


def _find_key(hand: Hand, scan: Scanned) -> str:
    if scan_kind(scan.clean) in (ScanKind.PARCEL, ScanKind.SEAL):
        raise WrongScanKind(scan.clean, is_a=scan_kind(scan.clean).name.lower(), due="key")
    (serial,) = clean_scanned([scan.clean])
    if serial in hand["tray"]:
        raise AlreadyDone(f"Key {serial} is scanned")
    if not Unit.objects.filter(serial=serial).exists():
        raise UnknownSerial(serial)
    hand["tray"].append(serial)
    mine = next((key for key in hand["keys"] if key["serial"] == serial), None)
    if mine is None:
        return f"Key {serial} was not sent in this parcel. It is received anyway, and a case is opened."
    mine["is_found"] = True
    found = sum(key["is_found"] for key in hand["keys"])
    return f"Key {serial}: {found} of {len(hand['keys'])}. {_due(hand)}."


def _take_out(hand: Hand) -> str:
    if not hand["tray"]:
        raise ScanRefused("No key of this parcel is scanned yet.")
    serial = hand["tray"].pop()
    for key in hand["keys"]:
        key["is_found"] = key["is_found"] and key["serial"] != serial
    return f"Key {serial} is removed from the list."


def _take_in(hand: Hand, scan: Scanned, *, bin_label: str | None = None) -> str:
    taken = returns.receive_return(
        label=hand["parcel"],
        serials=hand["tray"],
        actor=scan.actor,
        now=scan.now,
        bin_label=bin_label,
    )
    parcel, keys = hand["parcel"], len(hand["tray"])
    hand.clear()
    where = f" They are in {bin_label}." if bin_label else ""
    wrong = f" {len(taken.missing)} missing: a case is open." if taken.missing else ""
    if taken.strange:
        wrong += f" {len(taken.strange)} of other parcels: a case is open."
    return f"Parcel {parcel} is back, {keys} keys in quarantine.{where}{wrong}"


def _due(hand: Hand) -> str:
    if not hand:
        return "Scan the label of a parcel that came back"
    if all(key["is_found"] for key in hand["keys"]):
        return "Scan the quarantine bin"
    return "Scan a key, or the quarantine bin when the parcel is empty"


TAKE_BACK = ScanStep(
    action=Action.KEEP_STOCK,
    handle=_handle,
    due=_due,
    name=lambda hand: str(hand.get("parcel", "")),
)
