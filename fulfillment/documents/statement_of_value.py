"""Statement of value: an invoice of a parcel's contents, for insurers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import typst


@dataclass(frozen=True)
class ValueLine:
    """Keys of one model; `each_cents` in US cents."""

    quantity: int
    description: str
    each_cents: int


@dataclass(frozen=True)
class ParcelValue:
    """A parcel and the value of its contents, for the insurer. No recipient data.

    `bought_on` is the label's date, as text; `sender` the sender's name.
    """

    parcel: str
    carrier: str
    tracking_code: str
    bought_on: str
    insured_cents: int
    sender: str
    lines: Sequence[ValueLine]


def statement_of_value(of: ParcelValue) -> bytes:
    """Render one A4 page as PDF; the same parcel gives the same bytes."""
    job = {
        "parcel": of.parcel,
        "carrier": of.carrier,
        "tracking_code": of.tracking_code,
        "bought_on": of.bought_on,
        "insured": _dollars(of.insured_cents),
        "sender": of.sender,
        "lines": [
            {
                "quantity": line.quantity,
                "description": line.description,
                "each": _dollars(line.each_cents),
                "value": _dollars(line.each_cents * line.quantity),
            }
            for line in of.lines
        ],
        "total": _dollars(sum(line.each_cents * line.quantity for line in of.lines)),
    }
    source = files("fulfillment.documents").joinpath("statement_of_value.typ").read_bytes()
    parts: Any = {"main.typ": source, "job.json": json.dumps(job).encode()}
    pdf: bytes = typst.compile(parts, ignore_system_fonts=True, format="pdf")
    return pdf


def _dollars(cents: int) -> str:
    return f"US$ {cents // 100}.{cents % 100:02d}"
