"""Statement of value: an invoice of a parcel's contents, most of which are given away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import typst


@dataclass(frozen=True)
class WorthLine:
    """Keys of one model; `each_cents` in US cents."""

    quantity: int
    description: str
    each_cents: int


@dataclass(frozen=True)
class Worth:
    """A parcel and what was in it, as an insurer must know it. Nothing of the recipient.

    `bought_on` is the label's date, in words; `sender` the name on the outside.
    """

    parcel: str
    carrier: str
    tracking_code: str
    bought_on: str
    insured_cents: int
    sender: str
    lines: Sequence[WorthLine]


def statement_of_value(of: Worth) -> bytes:
    """One A4 page as PDF; the same parcel gives the same bytes."""
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
    source = files("fulfillment.documents").joinpath("worth.typ").read_bytes()
    parts: Any = {"main.typ": source, "job.json": json.dumps(job).encode()}
    pdf: bytes = typst.compile(parts, ignore_system_fonts=True, format="pdf")
    return pdf


def _dollars(cents: int) -> str:
    return f"US$ {cents // 100}.{cents % 100:02d}"
