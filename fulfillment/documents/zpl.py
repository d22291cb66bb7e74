"""Parcel documents for a label printer that speaks ZPL: 4 × 6 inches at 203 dots an inch.

The label is sent as the picture it was bought as; the slip in the printer's own letters.
"""

import io
import textwrap
from collections.abc import Iterable, Iterator

from PIL import Image

from fulfillment.documents.parcel_documents import Papers, Slip, can_be_drawn

DOTS_WIDE, DOTS_HIGH = 812, 1218
_START, _END = "^XA^CI28^PW812^LL1218", "^XZ\n"
# What begins a command in ZPL, and the sign that escapes them in a field marked by ^FH.
_SPECIAL = {"^": "_5E", "~": "_7E", "_": "_5F"}


def as_zpl(papers: Iterable[Papers]) -> Iterator[bytes]:
    """Label and slip of each parcel, one after the other, as they are ready."""
    for one in papers:
        if one.label:
            yield _label(one.label)
        assert isinstance(one.slip, Slip), (
            "return labels are printed by maintainers, who have no label printer"
        )
        yield slip_as_zpl(one.slip)


def _label(label: bytes) -> bytes:
    if label.lstrip().startswith(b"^XA"):
        return label if label.endswith(b"\n") else label + b"\n"
    picture = Image.open(io.BytesIO(label)).convert("1")
    if picture.size != (DOTS_WIDE, DOTS_HIGH):
        picture = picture.resize((DOTS_WIDE, DOTS_HIGH), Image.Resampling.NEAREST)
    # In a picture 1 is white, at the printer 1 is black; rows are padded to whole bytes with white.
    row_bytes = -(-DOTS_WIDE // 8)
    rows = bytearray(byte ^ 0xFF for byte in picture.tobytes())
    padding = row_bytes * 8 - DOTS_WIDE
    for end in range(row_bytes - 1, len(rows), row_bytes):
        rows[end] &= (0xFF << padding) & 0xFF
    size = len(rows)
    graphic = f"^FO0,0^GFA,{size},{size},{row_bytes},{rows.hex().upper()}^FS"
    return f"{_START}{graphic}{_END}".encode()


def slip_as_zpl(slip: Slip) -> bytes:
    """The slip of a parcel in ZPL."""
    lines = [_text(40, 50, 44, "What is in this parcel"), _text(40, 105, 26, slip.campaign[:52])]
    y = 160
    for quantity, name in slip.items:
        for part in textwrap.wrap(f"{quantity} x {name}", 50):
            lines.append(_text(40, y, 30, part))
            y += 38
    y += 20
    for sentence in _sentences(slip):
        for part in textwrap.wrap(sentence, 56):
            lines.append(_text(40, y, 27, part))
            y += 33
        y += 8
    lines.append(f"^FO40,{DOTS_HIGH - 190}^BY2^BCN,90,Y,N,N^FD{slip.parcel}^FS")
    return f"{_START}{''.join(lines)}{_END}".encode()


def _sentences(slip: Slip) -> list[str]:
    phrase = slip.phrase if can_be_drawn(slip.phrase) else ""
    return [
        "Before you use them:",
        f"1. The seal on the outside was whole and bears the number {slip.seal_number or '-'}.",
        f"2. These are the words you chose: {phrase}"
        if phrase
        else "2. Your page says the same seal number as this slip.",
        "3. We never ask for a password, a PIN or a payment for these keys.",
        "If one of these is not so, do not plug the keys in. Tell us on your page:",
        slip.link,
    ]


def _text(x: int, y: int, height: int, text: str) -> str:
    escaped = "".join(_SPECIAL.get(character, character) for character in text)
    return f"^FO{x},{y}^A0N,{height},{height}^FH_^FD{escaped}^FS"
