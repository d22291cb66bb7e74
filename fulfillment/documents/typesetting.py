"""Parcel documents as PDF or page images, typeset by Typst with its bundled fonts."""

import json
import re
import struct
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import typst

from fulfillment.documents.parcel_documents import (
    Declaration,
    DocumentSet,
    ReturnNote,
    Sheet,
    Slip,
    is_printable,
)
from fulfillment.shipments.carrier_values import Party
from inventory.barcode_sheets import modules

Json = dict[str, Any]

_UNPRINTABLE = "(cannot be printed in this script; see your page)"
_LONG_WORD = re.compile(r"\S{20}(?=\S)")
_PNG = b"\x89PNG\r\n\x1a\n"


def as_pdf(documents: Sequence[DocumentSet], *, sheet: Sheet) -> bytes:
    """Render the documents of parcels in order: label, slip, and the customs declaration if there is one.

    The same input gives the same bytes, on every machine.

    Raises: ValueError: a label is not a PNG, the format in which labels are bought.
    """
    # Accessibility tags are of no use in print; without them the file is half as large.
    pdf: bytes = _compile(documents, sheet=sheet, format="pdf", pdf_tags=False)
    return pdf


def as_pictures(documents: Sequence[DocumentSet], *, sheet: Sheet, ppi: int = 110) -> list[bytes]:
    """Render each page as a PNG preview."""
    pages = _compile(documents, sheet=sheet, format="png", ppi=float(ppi))
    return [pages] if isinstance(pages, bytes) else list(pages)


def _compile(documents: Sequence[DocumentSet], *, sheet: Sheet, **how: Any) -> Any:
    assert documents, "no documents to print"
    parts = {"main.typ": _source()}
    parcels = []
    for number, one in enumerate(documents):
        label = None
        if one.label:
            label = f"label-{number}.svg"
            parts[label] = _picture(one.label)
        parcels.append(
            {
                "label": label,
                "slip": _slip(one.slip) if isinstance(one.slip, Slip) else None,
                "note": _note(one.slip) if isinstance(one.slip, ReturnNote) else None,
                "declaration": _declaration(one.declaration) if one.declaration else None,
            }
        )
    parts["job.json"] = json.dumps({"sheet": sheet.value, "parcels": parcels}).encode()
    return typst.compile(parts, ignore_system_fonts=True, **how)


@lru_cache(maxsize=1)
def _source() -> bytes:
    return files("fulfillment.documents").joinpath("parcel_documents.typ").read_bytes()


def _picture(label: bytes) -> bytes:
    """Wrap a label in SVG: Typst takes only text from memory, and addresses must not be written to disk.

    Raises: ValueError: not a PNG.
    """
    if not label.startswith(_PNG):
        raise ValueError("the label is not a PNG")
    # Width and height are in the first chunk of every PNG.
    width, height = struct.unpack(">II", label[16:24])
    content = b64encode(label).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" image-rendering="optimizeSpeed"'
        f' href="data:image/png;base64,{content}"/></svg>'
    ).encode()


def _slip(slip: Slip) -> Json:
    return {
        "parcel": slip.parcel,
        "parcel_bars": [int(bit) for bit in modules(slip.parcel)],
        "campaign": _breakable(_printable(slip.campaign)),
        "items": [[quantity, _breakable(_printable(name))] for quantity, name in slip.items],
        "seal": slip.seal_number or "—",
        "seal_bars": [int(bit) for bit in modules(slip.seal_number)] if slip.seal_number else None,
        "phrase": _breakable(_printable(slip.phrase)),
        "link": slip.link,
    }


def _note(note: ReturnNote) -> Json:
    return {
        "parcel": note.parcel,
        "parcel_bars": [int(bit) for bit in modules(note.parcel)],
        "carrier": note.carrier,
        "until": note.until,
        "items": [[quantity, _printable(name)] for quantity, name in note.items],
        "link": note.link,
    }


def _printable(text: str) -> str:
    return text if is_printable(text) else _UNPRINTABLE


def _declaration(of: Declaration) -> Json:
    lines = of.customs.lines
    currency = lines[0].currency
    return {
        "number": of.number,
        "date": of.date,
        "incoterm": of.customs.incoterm,
        "sender": _lines(of.sender),
        "to": _lines(of.to),
        "lines": [
            {
                "quantity": line.quantity,
                "description": line.description,
                "code": line.code,
                "eccn": f"ECCN {line.eccn}" if line.eccn else "",
                "hs": line.hs_code,
                "origin": line.origin_country,
                "weight": f"{line.weight_g} g",
                "value": _money(line.value_cents, line.currency),
            }
            for line in lines
        ],
        "weight": f"{sum(line.weight_g for line in lines)} g",
        "value": _money(sum(line.value_cents for line in lines), currency),
        "exemption": of.customs.exemption,
        "tax_id": of.to.tax_id,
        "contents": "returned goods, sent back to their sender" if of.is_return else "merchandise",
        "given": "" if of.is_return else "Given away free of charge; the value is what it would be sold for.",
        "signer": of.customs.signer,
    }


def _lines(party: Party) -> list[str]:
    """An address as printed: Latin letters, no empty lines."""
    address = party.address.for_label()
    town = " ".join(part for part in (address.city, address.state, address.postal_code) if part)
    lines = [address.name, address.company, address.street1, address.street2, town, address.country]
    return [_breakable(_printable(line)) for line in (*lines, party.phone) if line]


def _breakable(line: str) -> str:
    """Allow line breaks in words of more than 20 letters, the width of half a label."""
    return _LONG_WORD.sub("\\g<0>\u200b", line)


def _money(cents: int, currency: str) -> str:
    return f"{currency} {cents // 100}.{cents % 100:02d}"
