"""Processing of one person's scans in one step, in order, each once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from common.errors import KeydeskError
from desk.models import Station, StationStep
from desk.warehouse.scan_workflow import Scanned, ScanRefused, ScanStep

LATELY = 8
# Allows for two concurrent requests of one person.
_TRIES = 3


@dataclass(frozen=True)
class ScanOutcome:
    """The outcome of a scan, for screen and sound; `code` is that of the refusal."""

    is_good: bool
    text: str
    scanned: str = ""
    code: str = ""


def station_of(*, step: StationStep, actor: str) -> Station:
    """A person's session; one query, except on first use."""
    found = Station.objects.filter(step=step, actor=actor).first()
    return found or Station.objects.get_or_create(step=step, actor=actor)[0]


def last_outcome(station: Station) -> ScanOutcome | None:
    """The outcome of the last scan."""
    return ScanOutcome(**station.lately[0]) if station.lately else None


def work_scan(scan: Scanned, *, step: StationStep, scan_step: ScanStep, shown: str | None = None) -> Station:
    """Apply a scan and store the new state. The same key again changes nothing.

    Args:   shown: the item on the sender's screen, None if unknown; refused if it is not the current item,
                   because the screen was stale.
    Returns: the session; its newest outcome is the result.
    Locks:  the session's row if the step is one transaction. Otherwise its version decides between concurrent
            requests; the loser repeats the scan, which is idempotent by its key.
    """
    for _ in range(_TRIES):
        if scan_step.is_one_transaction:
            with transaction.atomic():
                station = _locked(step=step, actor=scan.actor)
                if station.last_key != scan.key:
                    _keep(station, _try(station, scan, scan_step, shown), scan)
                return station
        station = station_of(step=step, actor=scan.actor)
        if station.last_key == scan.key or _keep(station, _try(station, scan, scan_step, shown), scan):
            return station
    raise ScanRefused("This station is open in another window. Close that window and scan again.")


def _locked(*, step: StationStep, actor: str) -> Station:
    rows = Station.objects.select_for_update(no_key=True).filter(step=step, actor=actor)
    return rows.first() or rows.get(pk=station_of(step=step, actor=actor).pk)


def _try(station: Station, scan: Scanned, scan_step: ScanStep, shown: str | None) -> ScanOutcome:
    text = scan.clean
    if not text:
        return ScanOutcome(False, "Nothing was scanned. Scan again.", code="empty")
    if shown is not None and shown != scan_step.name(station.hand):
        in_hand = scan_step.name(station.hand) or "nothing"
        return ScanOutcome(
            False,
            f"This screen was out of date: {in_hand} is current now. Check, then scan again.",
            text,
            "stale",
        )
    try:
        return ScanOutcome(True, scan_step.handle(station.hand, scan), text)
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
    """Start from a form instead of a scan, such as a delivery. Sets the current item aside."""
    with transaction.atomic():
        station = _locked(step=step, actor=actor)
        lately = [asdict(ScanOutcome(True, text)), *station.lately][:LATELY]
        Station.objects.filter(pk=station.pk).update(
            hand=hand, lately=lately, last_key="", version=station.version + 1
        )
