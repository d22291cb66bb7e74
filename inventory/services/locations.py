"""Sync of warehouses and bins with a list; safe to repeat."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from inventory.errors import BadLocation
from inventory.models import Bin, Warehouse

_CODE = re.compile(r"[A-Z0-9-]{2,20}", re.ASCII)
_BIN = re.compile(r"[A-Z0-9-]{1,20}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NEEDED = ("name", "contact_name", "street1", "city", "country")
_LENGTHS = {
    "name": 120,
    "contact_name": 100,
    "company": 100,
    "street1": 100,
    "street2": 100,
    "city": 100,
    "state": 100,
    "postal_code": 20,
    "country": 2,
    "phone": 40,
}


@dataclass(frozen=True)
class Location:
    """The desired state of a warehouse: bins, quarantine bins, name and address by field."""

    code: str
    fields: Mapping[str, str]
    bins: Sequence[str] = ()
    quarantine: Sequence[str] = ()

    def problems(self) -> list[tuple[str, str]]:
        """Every invalid field, with its error."""
        found: list[tuple[str, str]] = []
        if not _CODE.fullmatch(self.code):
            found.append(("code", f"{self.code[:40]!r} is not a valid code: use 2 to 20 of A-Z, 0-9 and -."))
        found += [(name, "is needed.") for name in _NEEDED if not self.fields.get(name, "").strip()]
        for name, value in self.fields.items():
            if name not in _LENGTHS:
                found.append((name, "is not a field of a warehouse."))
            elif len(value) > _LENGTHS[name]:
                found.append((name, f"has more than {_LENGTHS[name]} characters."))
        country = self.fields.get("country", "")
        if country and not _COUNTRY.fullmatch(country):
            found.append(("country", "is not a country in two capital letters, such as NL."))
        for name, bins in (("bins", self.bins), ("quarantine", self.quarantine)):
            bad = [bin for bin in bins if not _BIN.fullmatch(bin)]
            found += [
                (name, f"{bin[:40]!r} is not a valid bin: use 1 to 20 of A-Z, 0-9 and -.") for bin in bad
            ]
        for bin in sorted(set(self.bins) & set(self.quarantine)):
            found.append(("quarantine", f"{bin} is among the other bins, too: it can be one or the other."))
        return found


def read_location(given: Mapping[str, Any]) -> Location:
    """A location from a JSON object: `code`, `name`, `bins`, `quarantine` and the fields of the address.

    Raises: BadLocation: a value of the wrong type.
    """
    lists = {name: given.get(name, []) for name in ("bins", "quarantine")}
    fields = {name: value for name, value in given.items() if name not in {"code", *lists}}
    wrong = [
        (name, "must be a list of texts.")
        for name, value in lists.items()
        if not isinstance(value, list) or not all(isinstance(bin, str) for bin in value)
    ]
    wrong += [
        (name, "must be a text.")
        for name, value in {"code": given.get("code", ""), **fields}.items()
        if not isinstance(value, str)
    ]
    if wrong:
        raise BadLocation(str(given.get("code", ""))[:40], wrong)
    return Location(
        code=given.get("code", "").strip().upper(),
        fields={name: value.strip() for name, value in fields.items()},
        bins=[bin.strip().upper() for bin in lists["bins"]],
        quarantine=[bin.strip().upper() for bin in lists["quarantine"]],
    )


@dataclass(frozen=True)
class LocationsKept:
    """The changes made by a sync; empty when it is repeated."""

    warehouse: Warehouse
    is_new: bool
    bins_added: list[str]


def upsert_location(location: Location) -> LocationsKept:
    """Create a warehouse or update its name and address, and add missing bins.

    Bins are never removed, because keys were in them, nor do they change to or from quarantine.

    Raises: BadLocation: all invalid fields; nothing has changed.
    Locks:  the warehouse's row, so that concurrent calls do not add a bin twice.
    """
    with transaction.atomic():
        if problems := location.problems():
            raise BadLocation(location.code, problems)
        warehouse, is_new = Warehouse.objects.select_for_update().update_or_create(
            code=location.code, defaults=dict(location.fields)
        )
        there = dict(warehouse.bins.values_list("code", "is_quarantine"))
        wanted = dict.fromkeys(location.bins, False) | dict.fromkeys(location.quarantine, True)
        turned = [bin for bin in wanted if there.get(bin, wanted[bin]) != wanted[bin]]
        if turned:
            raise BadLocation(
                location.code,
                [
                    ("quarantine", f"{bin} is {'' if there[bin] else 'not '}for quarantine. Name a new bin.")
                    for bin in turned
                ],
            )
        added = [bin for bin in wanted if bin not in there]
        Bin.objects.bulk_create(
            [Bin(warehouse=warehouse, code=bin, is_quarantine=wanted[bin]) for bin in added]
        )
    return LocationsKept(warehouse, is_new, added)
