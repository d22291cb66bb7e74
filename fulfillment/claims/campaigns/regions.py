"""Change the region table: load it from documents, and close countries to single key models."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from django.db import connection, transaction

from common.errors import BadRequest, FieldError, InputErrors, Problem
from fulfillment.claims.countries import is_country
from fulfillment.claims.models import Region
from fulfillment.vault.subdivisions import is_subdivision
from inventory.models import KeyModel


class RegionDocument(TypedDict):
    """Rows of the region table as JSON, and the date from which the first row of a country is in force."""

    note: str
    valid_from: str
    regions: list[dict[str, object]]


# The fields of a row of the document; others have the model's defaults.
FIELDS = {
    "status": str,
    "reason": str,
    "source": str,
    "is_sponsored": bool,
    "keys_per_parcel": int,
    "po_box_allowed": bool,
    "phone_required": bool,
    "tax_id_required": bool,
    "incoterm": str,
    "promised_days": int,
    "ceiling_cents": int,
}
_REQUIRED = {"country", "status", "source", "promised_days", "ceiling_cents"}


def region_in_force(*, country: str, subdivision: str, now: datetime, lock: bool = False) -> Region | None:
    """The row in force for exactly this place, to be changed.

    Locks: with `lock`, the table against other changes, so that no two rows are added for one place.
    """
    if lock:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE claims_region IN SHARE ROW EXCLUSIVE MODE")
    rows = Region.objects.in_force(now).filter(country=country, subdivision=subdivision, key_model=None)
    return rows.order_by("-valid_from").first()


# The statuses that a single key model can have in an open country.
MODEL_STATUSES = (Region.Status.OPEN, Region.Status.PAUSED, Region.Status.BLOCKED)


def closed_models(*, country: str, now: datetime) -> dict[str, Region]:
    """The rows that close a country to single key models, by SKU."""
    rows = Region.objects.in_force(now).filter(country=country, subdivision="", key_model__isnull=False)
    rows = rows.exclude(status=Region.Status.OPEN).select_related("key_model").order_by("valid_from")
    return {row.key_model.sku: row for row in rows if row.key_model}


@transaction.atomic
def set_model_status(
    *, country: str, key_model: KeyModel, status: str, reason: str, source: str, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Open or close a country to one key model from now on; earlier rows stay on record.

    Earlier claims keep their keys. `open` means that the model has the same terms as the country.

    Returns: status and reason before and after; both empty when nothing changed.
    Raises:  BadRequest: another status, no reason, or no row of the table for the country.
    Locks:   the table against other changes.
    """
    general = region_in_force(country=country, subdivision="", now=now, lock=True)
    problems = []
    if general is None:
        problems.append(FieldError("country", "unknown_region", "Add the row of the country first."))
    if status not in MODEL_STATUSES:
        problems.append(
            FieldError("status", "unknown_status", f"Must be one of: {', '.join(MODEL_STATUSES)}.")
        )
    if status != Region.Status.OPEN:
        for name, value in (("reason", reason), ("source", source)):
            if not value.strip():
                problems.append(
                    FieldError(name, "required", "Enter why keys of this model are not sent there.")
                )
    if problems or general is None:
        raise BadRequest(problems)
    current = closed_models(country=country, now=now).get(key_model.sku)
    before = {"status": current.status, "reason": current.reason} if current else {"status": "open"}
    after = {"status": status} if status == Region.Status.OPEN else {"status": status, "reason": reason}
    if before == after:
        return {}, {}
    if current is not None:
        _end(current, now=now)
    if status != Region.Status.OPEN:
        terms = {name: getattr(general, name) for name in FIELDS}
        terms |= {"status": status, "reason": reason, "source": source}
        Region.objects.create(country=country, key_model=key_model, valid_from=now, **terms)
    return before, after


def _end(row: Region, *, now: datetime) -> None:
    """End a row now; a row that began at this very moment is deleted."""
    if row.valid_from == now:
        row.delete()
        return
    row.valid_until = now
    row.save(update_fields=["valid_until"])


@transaction.atomic
def load_regions(*, document: Mapping[str, object], now: datetime, source: str = "regions") -> int:
    """Update the region table from a document; return how many rows changed or are new.

    A changed row ends the previous one at `now` and begins then, so that the terms on which older claims were
    decided stay on record. Loading the same document again changes nothing.

    Args:   document: `{"regions": [{"country", "status", …}]}` as in `data/regions-2022.json`.
            now: the start of new rows; the first row of a country starts at the document's `valid_from`, if
            it has one.
    Raises: InputErrors: naming every row and field that is not valid.
    Locks:  the rows in force of the countries named, in pk order.
    """
    rows = document.get("regions")
    problems = _problems(rows)
    if problems:
        raise InputErrors(source, problems)
    assert isinstance(rows, list)
    in_force = {
        (row.country, row.subdivision): row
        for row in Region.objects.in_force(now)
        .filter(country__in=[str(row["country"]) for row in rows], key_model__isnull=True)
        .order_by("pk")
        .select_for_update()
    }
    since = datetime.fromisoformat(str(document["valid_from"])) if "valid_from" in document else now
    return sum(_update_row(row, in_force, now=now, first_since=min(since, now)) for row in rows)


def _update_row(
    row: Mapping[str, object],
    in_force: Mapping[tuple[str, str], Region],
    *,
    now: datetime,
    first_since: datetime,
) -> bool:
    place = (str(row["country"]), str(row.get("subdivision", "")))
    before = in_force.get(place)
    wanted = Region(country=place[0], subdivision=place[1])
    for name in FIELDS:
        if name in row:
            setattr(wanted, name, row[name])
    if before is not None:
        if all(getattr(before, name) == getattr(wanted, name) for name in FIELDS):
            return False
        _end(before, now=now)
    wanted.valid_from = now if before is not None else first_since
    wanted.save()
    return True


def _problems(rows: object) -> list[Problem]:
    if not isinstance(rows, list) or not rows:
        return [Problem("The list of regions is missing.", field="regions")]
    found: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            found.append(Problem("Must be an object.", line=number))
            continue
        found += [
            Problem("This field is required.", line=number, field=name)
            for name in sorted(_REQUIRED - set(row))
        ]
        found += [
            Problem("Unknown field.", line=number, field=name)
            for name in sorted(set(row) - set(FIELDS) - {"country", "subdivision"})
        ]
        found += [
            Problem(f"Must be of type {kind.__name__}.", line=number, field=name)
            for name, kind in FIELDS.items()
            if name in row and type(row[name]) is not kind
        ]
        if not is_country(str(row.get("country"))):
            found.append(Problem("Not a valid ISO 3166-1 country code.", line=number, field="country"))
        if row.get("status") not in Region.Status.values:
            found.append(
                Problem(f"Must be one of: {', '.join(Region.Status.values)}.", line=number, field="status")
            )
        place = (str(row.get("country")), str(row.get("subdivision", "")))
        if is_country(place[0]) and place[1] and not is_subdivision(*place):
            found.append(Problem(_UNKNOWN_SUBDIVISION, line=number, field="subdivision"))
        if place in seen:
            found.append(Problem("This country is listed twice.", line=number, field="country"))
        seen.add(place)
    return found


_UNKNOWN_SUBDIVISION = (
    "Addresses in this country do not use this subdivision. Enter its ISO 3166-2 code, or close the whole "
    "country."
)


def bundled_regions(name: str = "regions-2022") -> RegionDocument:
    """A region document that is part of the code."""
    path = Path(__file__).parent.parent / "data" / f"{name}.json"
    document: RegionDocument = json.loads(path.read_text())
    return document
