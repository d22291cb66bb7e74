"""Pack: a parcel's label, its keys, its seal."""

from dataclasses import asdict

from desk.roles import Action
from desk.warehouse.scan_workflow import Command, Hand, Scanned, ScanRefused, ScanStep
from fulfillment.shipments.errors import NotToPack, UnknownLabel, WrongScanKind
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.warehouse import selectors
from fulfillment.warehouse.rules.scans import ScanKind, label_code, scan_kind
from fulfillment.warehouse.services import packing
from fulfillment.warehouse.services.idempotent_scans import ScanAnswer


def _handle(hand: Hand, scan: Scanned) -> str:
    match scan.clean:
        case Command.UNDO:
            return _undo(hand, scan)
        case Command.ASIDE:
            return _put_aside(hand)
        case Command.TAKE_OVER:
            return _take_over(hand)
    if not hand or hand["is_sealed"]:
        return _lay_down(hand, scan)
    if label_code(scan.text) in (hand["parcel"], hand["tracking_code"]):
        return f"{hand['parcel']} is the current parcel. {_due(hand)}."
    return _seal(hand, scan) if _is_complete(hand) else _pack(hand, scan)


def _lay_down(hand: Hand, scan: Scanned) -> str:
    # The next scan must not apply to the previous parcel.
    hand.clear()
    if scan_kind(scan.clean) in (ScanKind.SEAL, ScanKind.KEY):
        raise WrongScanKind(scan.clean, is_a=scan_kind(scan.clean).name.lower(), due="label")
    shown = selectors.parcel_to_pack(scan.text)
    if shown.state != ShipmentState.LABELLED:
        raise NotToPack(shown.parcel, f"it is {ShipmentState(shown.state).label}")
    if shown.manifest:
        raise NotToPack(shown.parcel, f"it is sealed and on manifest {shown.manifest}")
    hand.update(_hand_of(shown, scan.actor))
    if hand["is_sealed"]:
        return f"Parcel {shown.parcel} is already sealed and ready to be handed over."
    if hand["packer"]:
        return f"{hand['packer']} started parcel {shown.parcel}. Leave it, or take it over."
    return f"Parcel {shown.parcel} to {shown.country}. {_due(hand)}."


def _hand_of(shown: selectors.ParcelToPack, actor: str) -> Hand:
    return {
        "parcel": shown.parcel,
        "tracking_code": shown.tracking_code,
        "carrier": shown.carrier,
        "service": shown.service,
        "country": shown.country,
        "keys": [asdict(key) for key in shown.keys],
        "seal": shown.seal_number,
        "is_sealed": shown.sealed_at is not None,
        "packer": shown.packer if shown.packer != actor else "",
        "stop": shown.stop,
        "take_over": False,
        "scans": [],
    }


def _pack(hand: Hand, scan: Scanned) -> str:
    answer = packing.pack_unit(
        key=scan.key,
        label=hand["parcel"],
        serial=scan.text,
        actor=scan.actor,
        now=scan.now,
        take_over=hand["take_over"],
    )
    for key in hand["keys"]:
        if key["serial"] in (answer.swapped_for, answer.serial):
            key["serial"], key["is_packed"] = answer.serial, True
            break
    _remember(hand, answer)
    instead = f", instead of {answer.swapped_for}" if answer.swapped_for else ""
    return f"Key {answer.serial} is in {answer.parcel}{instead}: {answer.done} of {answer.of}. {_due(hand)}."


def _seal(hand: Hand, scan: Scanned) -> str:
    if scan_kind(scan.clean) is ScanKind.PARCEL:
        raise WrongScanKind(scan.clean, is_a="parcel", due="seal")
    answer = packing.seal_parcel(
        key=scan.key, label=hand["parcel"], seal_number=scan.text, actor=scan.actor, now=scan.now
    )
    hand["is_sealed"], hand["seal"] = True, answer.seal
    _remember(hand, answer)
    return f"Parcel {answer.parcel} is sealed. Put it with those for {hand['carrier']}."


def _undo(hand: Hand, scan: Scanned) -> str:
    if not hand or not hand["scans"]:
        raise ScanRefused("There is no scan of this parcel to undo. Scan its label first.")
    answer = packing.undo(key=scan.key, scan_key=hand["scans"][-1], actor=scan.actor, now=scan.now)
    hand["scans"].pop()
    if not answer.serial:
        hand["is_sealed"] = False
        return f"The seal of {answer.parcel} is undone. {_due(hand)}."
    for key in hand["keys"]:
        if key["serial"] == answer.serial:
            key["is_packed"] = False
    return f"Key {answer.serial} was removed from {answer.parcel}. {_due(hand)}."


def _put_aside(hand: Hand) -> str:
    if not hand:
        raise ScanRefused("There is no current parcel.")
    parcel = hand["parcel"]
    hand.clear()
    return f"Parcel {parcel} is set aside."


def _take_over(hand: Hand) -> str:
    if not hand or not hand["packer"]:
        raise ScanRefused("No one else is packing the current parcel.")
    hand["take_over"], hand["packer"] = True, ""
    return f"You continue with parcel {hand['parcel']}. {_due(hand)}."


def _remember(hand: Hand, answer: ScanAnswer) -> None:
    """Remember a scan for undo; a repeat is stored once."""
    if answer.key not in hand["scans"]:
        hand["scans"].append(answer.key)


def _is_complete(hand: Hand) -> bool:
    return all(key["is_packed"] for key in hand["keys"])


def _due(hand: Hand) -> str:
    if not hand or hand["is_sealed"]:
        return "Scan the label of the next parcel"
    if _is_complete(hand):
        return f"Scan seal {hand['seal']}" if hand["seal"] else "Scan a seal"
    missing = sorted(key["sku"] for key in hand["keys"] if not key["is_packed"])
    return f"Scan a key: {', '.join(missing)}"


def _refresh(hand: Hand) -> Hand:
    """The current state of the parcel, which another person may have changed. Two queries."""
    if not hand:
        return hand
    try:
        shown = selectors.parcel_to_pack(hand["parcel"])
    except UnknownLabel:
        return {}
    kept = {name: hand[name] for name in ("packer", "take_over", "scans")}
    return _hand_of(shown, "") | kept


PACK = ScanStep(
    action=Action.PACK,
    handle=_handle,
    due=_due,
    name=lambda hand: str(hand.get("parcel", "")) if hand and not hand["is_sealed"] else "",
    refresh=_refresh,
)
