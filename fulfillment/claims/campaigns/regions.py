"""The region table: loaded from dated documents, and what a region asks of an address."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from common.errors import BadRequest, FieldError, InputErrors, Problem
from fulfillment.claims.countries import is_country
from fulfillment.claims.models import Region
from fulfillment.vault.subdivisions import is_subdivision
from inventory.models import KeyModel

# What a row of the document says; the rest has the model's defaults.
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
    """The row of the table that holds for a place, as it stands there: for those who change it.

    Locks: with `lock`, the table against others who change it, so that no two add a row for one place.
    """
    if lock:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE claims_region IN SHARE ROW EXCLUSIVE MODE")
    rows = Region.objects.in_force(now).filter(country=country, subdivision=subdivision, key_model=None)
    return rows.order_by("-valid_from").first()


# What can be said of one key model in a country that keys go to.
MODEL_STATUSES = (Region.Status.OPEN, Region.Status.PAUSED, Region.Status.BLOCKED)


def closed_models(*, country: str, now: datetime) -> dict[str, Region]:
    """The rows that close a country to one key model, by SKU."""
    rows = Region.objects.in_force(now).filter(country=country, subdivision="", key_model__isnull=False)
    rows = rows.exclude(status=Region.Status.OPEN).select_related("key_model").order_by("valid_from")
    return {row.key_model.sku: row for row in rows if row.key_model}


@transaction.atomic
def set_model_status(
    *, country: str, key_model: KeyModel, status: str, reason: str, source: str, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Say from now on whether keys of one model go to a country that keys go to; what held stays on record.

    Claims made before keep their keys. `open` says that what holds for the country holds for the model.

    Returns: what held of status, reason and source, and what holds now; both empty when nothing changed.
    Raises:  BadRequest: another status, no reason, or no row of the table for the country.
    Locks:   the table against others who change it.
    """
    general = region_in_force(country=country, subdivision="", now=now, lock=True)
    problems = []
    if general is None:
        problems.append(FieldError("country", "unknown_region", "Write the country's own row first."))
    if status not in MODEL_STATUSES:
        problems.append(FieldError("status", "unknown_status", f"One of {', '.join(MODEL_STATUSES)}."))
    if status != Region.Status.OPEN:
        for name, value in (("reason", reason), ("source", source)):
            if not value.strip():
                problems.append(FieldError(name, "required", "Say why keys of this model do not go there."))
    if problems or general is None:
        raise BadRequest(problems)
    standing = closed_models(country=country, now=now).get(key_model.sku)
    before = {"status": standing.status, "reason": standing.reason} if standing else {"status": "open"}
    after = {"status": status} if status == Region.Status.OPEN else {"status": status, "reason": reason}
    if before == after:
        return {}, {}
    if standing is not None:
        _end(standing, now=now)
    if status != Region.Status.OPEN:
        terms = {name: getattr(general, name) for name in FIELDS}
        terms |= {"status": status, "reason": reason, "source": source}
        Region.objects.create(country=country, key_model=key_model, valid_from=now, **terms)
    return before, after


def _end(row: Region, *, now: datetime) -> None:
    """A row that began this very moment never held."""
    if row.valid_from == now:
        row.delete()
        return
    row.valid_until = now
    row.save(update_fields=["valid_until"])


@transaction.atomic
def load_regions(*, document: Mapping[str, Any], now: datetime, source: str = "regions") -> int:
    """Bring the region table to what the document says; how many rows changed or are new.

    A row that says something new ends the one before it at `now` and begins then, so that what was true
    when an older claim was decided stays on record. Loading the same document again changes nothing.

    Args:   document: `{"regions": [{"country", "status", …}]}` as in `data/regions-2022.json`.
            now: from when new rows hold; the first row of a country holds from the document's
            `valid_from`, if it has one.
    Raises: InputErrors: naming every row and field that cannot be used.
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
        .filter(country__in=[row["country"] for row in rows], key_model__isnull=True)
        .order_by("pk")
        .select_for_update()
    }
    since = datetime.fromisoformat(document["valid_from"]) if "valid_from" in document else now
    return sum(_bring_up_to_date(row, in_force, now=now, first_since=min(since, now)) for row in rows)


def _bring_up_to_date(
    row: Mapping[str, Any],
    in_force: Mapping[tuple[str, str], Region],
    *,
    now: datetime,
    first_since: datetime,
) -> bool:
    place = (row["country"], row.get("subdivision", ""))
    says = {name: row[name] for name in FIELDS if name in row}
    before = in_force.get(place)
    wanted = Region(country=place[0], subdivision=place[1], **says)
    if before is not None:
        if all(getattr(before, name) == getattr(wanted, name) for name in FIELDS):
            return False
        _end(before, now=now)
    wanted.valid_from = now if before is not None else first_since
    wanted.save()
    return True


def _problems(rows: object) -> list[Problem]:
    if not isinstance(rows, list) or not rows:
        return [Problem("There is no list of regions.", field="regions")]
    found: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            found.append(Problem("This is no object.", line=number))
            continue
        found += [
            Problem("This is needed.", line=number, field=name) for name in sorted(_REQUIRED - set(row))
        ]
        found += [
            Problem("There is no such field.", line=number, field=name)
            for name in sorted(set(row) - set(FIELDS) - {"country", "subdivision"})
        ]
        found += [
            Problem(f"This must be of the type {kind.__name__}.", line=number, field=name)
            for name, kind in FIELDS.items()
            if name in row and type(row[name]) is not kind
        ]
        if not is_country(str(row.get("country"))):
            found.append(Problem("This is no country code of ISO 3166-1.", line=number, field="country"))
        if row.get("status") not in Region.Status.values:
            found.append(Problem(f"One of {', '.join(Region.Status.values)}.", line=number, field="status"))
        place = (str(row.get("country")), str(row.get("subdivision", "")))
        if is_country(place[0]) and place[1] and not is_subdivision(*place):
            found.append(Problem(_NO_SUCH_PART, line=number, field="subdivision"))
        if place in seen:
            found.append(Problem("This country stands twice.", line=number, field="country"))
        seen.add(place)
    return found


_NO_SUCH_PART = (
    "Addresses in this country name no such part. Use its code of ISO 3166-2, or close the whole country."
)


def bundled_regions(name: str = "regions-2022") -> dict[str, Any]:
    """A region table that comes with the code."""
    path = Path(__file__).parent.parent / "data" / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document
