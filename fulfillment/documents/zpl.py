"""Parcel documents for ZPL label printers: 4 × 6 inches at 203 dots per inch.

The label is sent as a bitmap of the bought file; the slip uses the printer's fonts.
"""

import io
import textwrap
from collections.abc import Iterable, Iterator

from PIL import Image

from fulfillment.documents.parcel_documents import DocumentSet, Slip, is_printable

DOTS_WIDE, DOTS_HIGH = 812, 1218
_START, _END = "^XA^CI28^PW812^LL1218", "^XZ\n"
# The characters that start a ZPL command, and the escape character of fields marked by ^FH.
_SPECIAL = {"^": "_5E", "~": "_7E", "_": "_5F"}


def as_zpl(documents: Iterable[DocumentSet]) -> Iterator[bytes]:
    """Yield label and slip of each parcel, one after the other."""
    for one in documents:
        if one.label:
            yield _label(one.label)
        assert isinstance(one.slip, Slip), "return labels are printed as PDF only"
        yield slip_as_zpl(one.slip)


def _label(label: bytes) -> bytes:
    if label.lstrip().startswith(b"^XA"):
        return label if label.endswith(b"\n") else label + b"\n"
    picture = Image.open(io.BytesIO(label)).convert("1")
    if picture.size != (DOTS_WIDE, DOTS_HIGH):
        picture = picture.resize((DOTS_WIDE, DOTS_HIGH), Image.Resampling.NEAREST)
    # In the image 1 is white, in ZPL 1 is black; rows are padded to whole bytes with white.
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
    phrase = slip.phrase if is_printable(slip.phrase) else ""
    return [
        "Before you use them:",
        f"1. The seal on the outside is unbroken and has the number {slip.seal_number or '-'}.",
        f"2. This is the phrase you chose: {phrase}"
        if phrase
        else "2. Your page shows the same seal number as this slip.",
        "3. We never ask for a password, a PIN or a payment for these keys.",
        "If any of this is wrong, do not plug the keys in. Report it on your page:",
        slip.link,
    ]


def _text(x: int, y: int, height: int, text: str) -> str:
    escaped = "".join(_SPECIAL.get(character, character) for character in text)
    return f"^FO{x},{y}^A0N,{height},{height}^FH_^FD{escaped}^FS"
