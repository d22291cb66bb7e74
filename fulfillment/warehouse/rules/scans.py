"""Scanned codes at the packing table: their kind, and the next scan due."""

import re
from collections.abc import Sequence
from enum import Enum, auto

from inventory.rules import SERIAL_PATTERN

_PARCEL = re.compile(r"S-[0-9A-HJKMNP-TV-Z]{12}", re.ASCII)
_SEAL = re.compile(r"T-[0-9A-HJKMNP-TV-Z]{8}", re.ASCII)
_OTHERS = re.compile(r"[CKPM]-[0-9A-HJKMNP-TV-Z]{12}", re.ASCII)
_SERIAL = re.compile(SERIAL_PATTERN, re.ASCII)
_LABEL = re.compile(r"[A-Z0-9]{8,40}", re.ASCII)
# The bar code of a USPS label is 420, the ZIP code of 5 or 9 digits, and then what is printed below it.
_POSTAL_ROUTE = re.compile(r"420(?:[0-9]{5}|[0-9]{9})(9[0-9]{19,25})", re.ASCII)
# Scanners may append group separators and line ends.
_NOT_PRINTED = re.compile(r"[\x00-\x20\x7f]")


class ScanKind(Enum):
    """The kind of a scanned code, by its format."""

    PARCEL = auto()  # our own code, from the slip
    LABEL = auto()  # a carrier's tracking code
    SEAL = auto()
    KEY = auto()
    OTHER = auto()


def clean_scan(scanned: str) -> str:
    """Normalize a scanned text: no control characters, upper case."""
    return _NOT_PRINTED.sub("", scanned[:200]).upper()


def label_code(scanned: str) -> str:
    """The tracking code contained in a scanned label."""
    clean = clean_scan(scanned)
    route = _POSTAL_ROUTE.fullmatch(clean)
    return route.group(1) if route else clean


def scan_kind(scanned: str) -> ScanKind:
    """The kind of a normalized scan. Serials can look like tracking codes; the caller knows which is due."""
    for pattern, thing in (
        (_PARCEL, ScanKind.PARCEL),
        (_SEAL, ScanKind.SEAL),
        (_OTHERS, ScanKind.OTHER),
        (_LABEL, ScanKind.LABEL),
        (_SERIAL, ScanKind.KEY),
    ):
        if pattern.fullmatch(scanned):
            return thing
    return ScanKind.OTHER


def is_seal(number: str) -> bool:
    """Whether this can be a seal number: one of ours, or one of a printed roll."""
    return re.fullmatch(r"[A-Z0-9-]{4,20}", number, re.ASCII) is not None


def next_packing_step(*, packed: int, of: int, is_sealed: bool = False) -> str:
    """The next step of a parcel."""
    if is_sealed:
        return "hand_over"
    return "seal" if packed == of else "pack"


def missing_models(models: Sequence[str]) -> list[str]:
    """Key models for a message: each once, with its count."""
    return [f"{models.count(sku)} × {sku}" for sku in sorted(set(models))]
