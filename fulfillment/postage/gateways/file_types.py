"""Detect the type of a label file and whether it is complete: a truncated file spoils a print run."""

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
# Maximum distance of a PDF's end marker from the end of the file; some writers append blanks.
_PDF_TAIL = 1024


def kind_of(content: bytes) -> str | None:
    """The media type by the first bytes; None if it is not a label format."""
    start = content.lstrip()
    for sign, media_type in ((_PNG, "image/png"), (b"%PDF-", "application/pdf"), (b"^XA", "application/zpl")):
        if start.startswith(sign):
            return media_type
    return None


def is_whole(content: bytes, media_type: str) -> bool:
    """Whether the file is complete and intact, as far as its format allows checking."""
    if media_type == "image/png":
        chunks = list(_sound_chunks(content))
        return chunks[:1] == [b"IHDR"] and chunks[-1:] == [b"IEND"] and b"IDAT" in chunks
    if media_type == "application/pdf":
        return b"%%EOF" in content[-_PDF_TAIL:]
    return content.rstrip().endswith(b"^XZ")


def _sound_chunks(png: bytes) -> Iterator[bytes]:
    """The names of a PNG's chunks, up to the first wrong checksum."""
    at = len(_PNG)
    while at + 12 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        if png[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(body)):
            return
        yield body[:4]
        at += 12 + length
