"""Picking: collect the keys of a list, bin by bin."""

from dataclasses import asdict

from desk.roles import Action
from desk.warehouse.scan_workflow import Command, Hand, Scanned, ScanRefused, ScanStep
from fulfillment.shipments.errors import UnknownPickList
from fulfillment.warehouse import selectors
from fulfillment.warehouse.services import packing, picking


def _handle(hand: Hand, scan: Scanned) -> str:
    match scan.clean:
        case Command.NEW:
            return _make(hand, scan)
        case Command.UNDO:
            return _undo(hand, scan)
        case Command.ASIDE:
            return _put_back(hand, scan)
        case Command.CLOSE:
            return _close(hand, scan)
    return _pick(hand, scan) if hand else _take(hand, scan, scan.clean)


def _make(hand: Hand, scan: Scanned) -> str:
    if hand:
        raise ScanRefused(f"You have list {hand['list']}. Put it back or close it first.")
    made = picking.make_pick_list(actor=scan.actor, now=scan.now)
    return _take(hand, scan, made.code)


def _take(hand: Hand, scan: Scanned, text: str) -> str:
    # The button of another person's list sends its code and "/TAKE-OVER".
    code = text.removesuffix(Command.TAKE_OVER)
    takes_over = text.endswith(Command.TAKE_OVER)
    picking.take_pick_list(code=code, actor=scan.actor, now=scan.now, take_over=takes_over)
    hand.update(_walk(code) | {"scans": []})
    return f"You have list {code}: {hand['of']} keys. {_due(hand)}."


def _walk(code: str) -> Hand:
    walk = selectors.pick_route(code)
    lines = [asdict(line) | {"is_done": line.is_picked or line.is_packed} for line in walk.lines]
    return {"list": code, "lines": lines, "of": len(lines)}


def _pick(hand: Hand, scan: Scanned) -> str:
    answer = picking.pick(
        key=scan.key, pick_list=hand["list"], serial=scan.text, actor=scan.actor, now=scan.now
    )
    for line in hand["lines"]:
        if line["serial"] in (answer.swapped_for, answer.serial):
            line["serial"], line["is_done"] = answer.serial, True
            break
    if answer.key not in hand["scans"]:
        hand["scans"].append(answer.key)
    instead = f", instead of {answer.swapped_for}" if answer.swapped_for else ""
    return f"Key {answer.serial}{instead}: {answer.done} of {answer.of}. {_due(hand)}."


def _undo(hand: Hand, scan: Scanned) -> str:
    if not hand or not hand["scans"]:
        raise ScanRefused("There is no picked key on this list to put back.")
    answer = packing.undo(key=scan.key, scan_key=hand["scans"][-1], actor=scan.actor, now=scan.now)
    hand["scans"].pop()
    for line in hand["lines"]:
        if line["serial"] == answer.serial:
            line["is_done"] = False
    return f"Key {answer.serial} goes back into its bin."


def _put_back(hand: Hand, scan: Scanned) -> str:
    if not hand:
        raise ScanRefused("You do not have a list.")
    code = hand["list"]
    hand.clear()
    picking.put_back_pick_list(code=code, actor=scan.actor, now=scan.now)
    return f"List {code} is released for someone else. Keys already picked stay picked."


def _close(hand: Hand, scan: Scanned) -> str:
    if not hand:
        raise ScanRefused("You do not have a list.")
    code = hand["list"]
    freed = picking.close_pick_list(code=code, actor=scan.actor, now=scan.now)
    hand.clear()
    left = f" {freed} parcels move to the next list." if freed else ""
    return f"List {code} is closed.{left}"


def _due(hand: Hand) -> str:
    if not hand:
        return "Scan a pick list, or create one"
    line = next((line for line in hand["lines"] if not line["is_done"]), None)
    if line is None:
        return "All keys are picked. Go to packing"
    return f"Scan a key: {line['sku']} from {line['bin'] or 'the receiving area'}"


def _refresh(hand: Hand) -> Hand:
    if not hand:
        return hand
    try:
        return hand | _walk(hand["list"])
    except UnknownPickList:
        return {}


PICK = ScanStep(
    action=Action.PACK,
    handle=_handle,
    due=_due,
    name=lambda hand: str(hand.get("list", "")),
    refresh=_refresh,
)
