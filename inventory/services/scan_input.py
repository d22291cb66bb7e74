"""Parsing of scanned codes into serials and units."""

from collections.abc import Sequence

from inventory.errors import BadSerials, UnknownSerial
from inventory.models import Unit
from inventory.rules import clean_serials

_TWICE = "is in the list twice"


def clean_scanned(serials: Sequence[str]) -> list[str]:
    """Trim and upper-case scanned serials; duplicates count once. Raises: BadSerials: all of them."""
    clean, problems = clean_serials(serials)
    if bad := [problem for problem in problems if problem.problem != _TWICE]:
        raise BadSerials(bad)
    return clean


def lock_scanned(serials: Sequence[str]) -> list[Unit]:
    """Lock the units with these serials, oldest first.

    Raises: BadSerials, UnknownSerial; each lists all of them.
    """
    clean = clean_scanned(serials)
    found = list(Unit.objects.filter(serial__in=clean).in_lock_order().select_for_update(no_key=True))
    if missing := set(clean) - {unit.serial for unit in found}:
        raise UnknownSerial(*sorted(missing))
    return found
