#!/usr/bin/env python3
"""Check an exported history of one key against the seals of the ledger, with the standard library only.

    python3 check_custody.py KD-1234.json [--seal HEX]

The file comes from `manage.py export_custody SERIAL`. `--seal` is a seal you noted earlier (`seal_ledger`
prints them): the file must then belong to the ledger with that seal. Without it, the file is only checked
against its own seals, which its author could have forged.

Checks: the chain of movement hashes up to the unit's head; accounts that
join end to end; each movement's proof against the root of its day; the chain of seals. The last line
lists movements that are not sealed yet. Exit status: 0 valid, 1 invalid, 2 the file cannot be read.
"""

import argparse
import hashlib
import json
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

FORM = "keydesk custody 1"


class CustodyProofStep(TypedDict):
    """A sibling on the way from a movement's hash to the day's root; `side` is left or right."""

    side: str
    hash: str


class CustodyMovement(TypedDict):
    """`_us` are whole microseconds since 1970. No proof: the day has no seal yet."""

    sequence: int
    from_account: str
    to_account: str
    reason: str
    reference: str
    actor: str
    moved_at: str
    moved_at_us: int
    recorded_at_us: int
    previous_hash: str
    hash: str
    proof: "list[CustodyProofStep] | None"


class CustodySeal(TypedDict):
    day: str
    movement_count: int
    root: str
    previous: str
    seal: str


class CustodyFile(TypedDict):
    """The exported history of one key. Hashes are in hexadecimal."""

    form: str
    exported_at: str
    serial: str
    sku: str
    account: str
    movement_count: int
    head_hash: str
    movements: "list[CustodyMovement]"
    seals: "list[CustodySeal]"


def _sha256(*lines: object) -> str:
    return hashlib.sha256("\n".join(str(line) for line in lines).encode()).hexdigest()


def check(document: CustodyFile, seal: str | None = None) -> list[str]:
    """Every failed check as a sentence; empty when all pass."""
    if document.get("form") != FORM:
        return [f"this is not a file of the form {FORM!r}"]
    return [*_movements(document), *_seals(document["seals"], seal), *_proofs(document)]


def _movements(document: CustodyFile) -> list[str]:
    faults = []
    head, account = "", "supplier"
    for place, movement in enumerate(document["movements"], start=1):
        name = f"movement {movement['sequence']} of {_day(movement)}"
        if movement["sequence"] != place:
            faults.append(f"movement {place} is missing")
            break
        if movement["previous_hash"] != head:
            faults.append(f"{name} does not follow the one before it")
            break
        head = _sha256(
            "keydesk movement 1",
            document["serial"],
            document["sku"],
            movement["sequence"],
            movement["from_account"],
            movement["to_account"],
            movement["reason"],
            movement["reference"],
            movement["actor"],
            movement["moved_at_us"],
            movement["recorded_at_us"],
            head,
        )
        if movement["hash"] != head:
            faults.append(f"{name} is not what was recorded")
            break
        if movement["from_account"] != account:
            faults.append(f"{name} starts in {movement['from_account']}, but the key stood in {account}")
        account = movement["to_account"]
    else:
        ends = (len(document["movements"]), head, account)
        if ends != (document["movement_count"], document["head_hash"], document["account"]):
            faults.append(f"the history ends after movement {ends[0]}, not where the unit says")
    return faults


def _seals(seals: list[CustodySeal], noted: str | None) -> list[str]:
    faults = []
    for before, seal in zip([None, *seals], seals, strict=False):
        if before and (
            seal["previous"] != before["seal"]
            or date.fromisoformat(seal["day"]) != date.fromisoformat(before["day"]) + timedelta(days=1)
        ):
            faults.append(f"the seal of {seal['day']} does not follow that of {before['day']}")
        expected = _sha256(
            "keydesk seal 1", seal["day"], seal["movement_count"], seal["root"], seal["previous"]
        )
        if seal["seal"] != expected:
            faults.append(f"the seal of {seal['day']} is not what was sealed")
    if noted is not None and noted.strip().lower() not in {seal["seal"] for seal in seals}:
        faults.append(f"the seal {noted} is not among those of this file: it is of another ledger")
    return faults


def _proofs(document: CustodyFile) -> list[str]:
    faults = []
    roots = {seal["day"]: seal["root"] for seal in document["seals"]}
    for movement in document["movements"]:
        day, proof = _day(movement), movement["proof"]
        if day not in roots:
            continue
        if proof is None or _root(movement["hash"], proof) != roots[day]:
            faults.append(f"movement {movement['sequence']} is not in the seal of {day}")
    return faults


def _root(leaf: str, proof: list[CustodyProofStep]) -> str:
    node = bytes.fromhex(leaf)
    for step in proof:
        sibling = bytes.fromhex(step["hash"])
        pair = sibling + node if step["side"] == "left" else node + sibling
        node = hashlib.sha256(b"\1" + pair).digest()
    return node.hex()


def _day(movement: CustodyMovement) -> str:
    # Whole seconds, rounded down: a float would lose microseconds, which do not matter for the day.
    seconds = movement["recorded_at_us"] // 1_000_000
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)).date().isoformat()  # noqa: UP017 - runs on old Pythons, too


def _not_sealed(document: CustodyFile, noted: str | None) -> list[int]:
    days = {seal["day"]: seal["seal"] for seal in document["seals"]}
    last = max(days, default="")
    if noted is not None:
        last = max((day for day, seal in days.items() if seal == noted.strip().lower()), default="")
    return [movement["sequence"] for movement in document["movements"] if _day(movement) > last]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seal", metavar="HEX", help="a seal noted earlier, which this file must agree with")
    options = parser.parse_args(arguments)
    say = sys.stdout.write
    try:
        document = json.loads(options.file.read_text(encoding="utf-8"))
        faults = check(document, options.seal)
        open_ones = [] if faults else _not_sealed(document, options.seal)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        say(f"{options.file} cannot be read: {type(error).__name__}: {error}\n")
        return 2
    for fault in faults:
        say(f"{document.get('serial', '?')}: {fault}\n")
    if faults:
        return 1
    say(f"{document['serial']}: {len(document['movements'])} movements hold.\n")
    if open_ones:
        say(f"Not under {'that' if options.seal else 'a'} seal yet: movements {open_ones}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
