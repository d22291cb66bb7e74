"""Work the scans of one person in one step, in the order they are sent, each once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from common.errors import KeydeskError
from desk.models import Station, StationStep
from desk.warehouse.scan_workflow import Scanned, ScanRefused, StepOnTheFloor

LATELY = 8
# Two requests of one person at the same moment; a third loses only if it is not one person.
_TRIES = 3


@dataclass(frozen=True)
class ScanOutcome:
    """What a scan came to, for screen and loudspeaker: `code` is that of the refusal."""

    is_good: bool
    text: str
    scanned: str = ""
    code: str = ""


def station_of(*, step: StationStep, actor: str) -> Station:
    """Where somebody stands; one query, but for the first time."""
    found = Station.objects.filter(step=step, actor=actor).first()
    return found or Station.objects.get_or_create(step=step, actor=actor)[0]


def last_outcome(station: Station) -> ScanOutcome | None:
    """What the last scan came to."""
    return ScanOutcome(**station.lately[0]) if station.lately else None


def work_scan(
    scan: Scanned, *, step: StationStep, on_the_floor: StepOnTheFloor, shown: str | None = None
) -> Station:
    """Let a scan take effect, and keep what is in hand then. The same key again changes nothing.

    Args:   shown: what the sender saw in hand, None when they could not know; another than what is in hand
                   now is refused, for the screen was out of date.
    Returns: the station; its newest outcome is the answer.
    Locks:  the station's row where the step is one transaction; else its version says who was first, and
            who was not works the scan again, which the services know by its key.
    """
    for _ in range(_TRIES):
        if on_the_floor.is_one_transaction:
            with transaction.atomic():
                station = _locked(step=step, actor=scan.actor)
                if station.last_key != scan.key:
                    _keep(station, _try(station, scan, on_the_floor, shown), scan)
                return station
        station = station_of(step=step, actor=scan.actor)
        if station.last_key == scan.key or _keep(station, _try(station, scan, on_the_floor, shown), scan):
            return station
    raise ScanRefused("This station is open in another window. Close that window and scan again.")


def _locked(*, step: StationStep, actor: str) -> Station:
    rows = Station.objects.select_for_update(no_key=True).filter(step=step, actor=actor)
    return rows.first() or rows.get(pk=station_of(step=step, actor=actor).pk)


def _try(station: Station, scan: Scanned, on_the_floor: StepOnTheFloor, shown: str | None) -> ScanOutcome:
    text = scan.clean
    if not text:
        return ScanOutcome(False, "Nothing was scanned. Scan again.", code="empty")
    if shown is not None and shown != on_the_floor.name(station.hand):
        in_hand = on_the_floor.name(station.hand) or "nothing"
        return ScanOutcome(
            False,
            f"This screen was out of date: {in_hand} is current now. Check, then scan again.",
            text,
            "stale",
        )
    try:
        return ScanOutcome(True, on_the_floor.handle(station.hand, scan), text)
    except KeydeskError as refusal:
        return ScanOutcome(False, str(refusal), text, refusal.code)


def _keep(station: Station, outcome: ScanOutcome, scan: Scanned) -> bool:
    lately: Sequence[dict[str, Any]] = [asdict(outcome), *station.lately][:LATELY]
    kept = Station.objects.filter(pk=station.pk, version=station.version).update(
        hand=station.hand, lately=lately, last_key=scan.key, version=station.version + 1
    )
    station.lately, station.last_key = list(lately), scan.key
    return bool(kept)


def put_in_hand(*, step: StationStep, actor: str, hand: dict[str, Any], text: str, now: datetime) -> None:
    """Begin with something else than a scan: a form that names a delivery. What was in hand is put down."""
    with transaction.atomic():
        station = _locked(step=step, actor=actor)
        lately = [asdict(ScanOutcome(True, text)), *station.lately][:LATELY]
        Station.objects.filter(pk=station.pk).update(
            hand=hand, lately=lately, last_key="", version=station.version + 1
        )
