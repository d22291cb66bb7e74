"""Fast reader of plain download lists: lines of `project,download_count` without quotes, as indexes export.

A list is read from its bytes in a dozen vectorised passes. Anything unusual
(quotes, other columns, an invalid row) is not handled here: the result is None, and
`roster.files.downloads` reads the file by row.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from roster.files.columns import FIRST_BYTES, FIRST_IN_A_NAME, SPARE, Names, blocks, fold_names
from roster.files.download_tables import SCHEMA
from roster.files.source import SourceFile

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]

HEADER = b"project,download_count\n"
# 18 digits always fit 64 bits; longer counts are left to the slow reader.
LONGEST_COUNT = 18
_EIGHT = np.uint64(0x0101010101010101)
_ZEROS, _HIGH_BITS, _TO_HIGH_BIT = (
    _EIGHT * np.uint64(0x30),
    _EIGHT * np.uint64(0x80),
    _EIGHT * np.uint64(0x76),
)


@dataclass(frozen=True)
class PlainList:
    """The rows of a plain list: their positions and counts."""

    data: bytes
    starts: Positions
    ends: Positions
    downloads: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def table(self, at_least: int) -> pa.Table:
        """The rows with at least this many downloads, in the list's order."""
        rows = np.flatnonzero(self.downloads >= at_least)
        if not len(rows):
            return SCHEMA.empty_table()
        if rows[-1] - rows[0] + 1 == len(rows):
            chosen = self.data[self.starts[rows[0]] : self.ends[rows[-1]] + 1]
        else:
            bounds = zip(self.starts[rows].tolist(), (self.ends[rows] + 1).tolist(), strict=True)
            chosen = b"".join([self.data[start:end] for start, end in bounds])
        return pyarrow.csv.read_csv(
            pa.BufferReader(chosen),
            read_options=pyarrow.csv.ReadOptions(column_names=SCHEMA.names),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=SCHEMA, null_values=[], strings_can_be_null=False
            ),
        )


def read_plain(source: SourceFile) -> PlainList | None:
    """The list if it is plain, every row is valid and no project is duplicated; else None."""
    data = source.data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if not data.startswith(HEADER):
        return None
    # Terminate the last line, and pad so that eight bytes can be read at any position.
    data = data + (b"" if data.endswith(b"\n") else b"\n") + SPARE
    folded = fold_names(data)
    letters = np.frombuffer(folded, np.uint8)
    marks = np.flatnonzero(letters < FIRST_IN_A_NAME)
    commas, ends = marks[2::2], marks[3::2]
    if not len(ends) or len(commas) != len(ends):
        return None
    # An unexpected byte, such as a quote, is where a separator should be.
    if (letters[commas] != ord(",")).any() or (letters[ends] != ord("\n")).any():
        return None
    starts = marks[1:-1:2] + 1
    with ThreadPoolExecutor(max_workers=1) as another_core:
        names = another_core.submit(_are_sound, Names(folded, starts, commas))
        downloads = _counts(folded, commas + 1, ends)
        if not names.result() or downloads is None:
            return None
    return PlainList(data, starts, ends, downloads)


def _are_sound(names: Names) -> bool:
    return names.are_project_names() and names.are_distinct()


def _counts(data: bytes, starts: Positions, ends: Positions) -> npt.NDArray[np.int64] | None:
    """The decimal numbers at these places; None if one is invalid."""
    words = np.ndarray((len(data) - 7,), np.uint64, buffer=data, strides=(1,))
    lengths = ends - starts
    if lengths.min() < 1 or lengths.max() > LONGEST_COUNT:
        return None
    numbers = np.zeros(len(starts), np.uint64)
    for rows in blocks(len(starts)):
        if not _count_block(words, starts[rows], lengths[rows], numbers[rows]):
            return None
    return numbers.view(np.int64)


def _count_block(words: Words, starts: Positions, left: Positions, numbers: Words) -> bool:
    """Parse the numbers at these places into `numbers`; False if one is invalid."""
    rows: Positions | slice = slice(None)
    while len(starts):
        here = np.minimum(left, 8)
        digits = (words[starts] ^ _ZEROS) & FIRST_BYTES[here]
        if (((digits + _TO_HIGH_BIT) | digits) & _HIGH_BITS).any():
            return False
        numbers[rows] = numbers[rows] * _POWERS[here] + _eight_digits(digits, here)
        longer = np.flatnonzero(left > 8)
        rows = longer if isinstance(rows, slice) else rows[longer]
        starts, left = starts[longer] + 8, left[longer] - 8
    return True


_POWERS = np.array([10**digits for digits in range(9)], np.uint64)


def _eight_digits(digits: Words, how_many: Positions) -> Words:
    """The numbers that up to eight digits make, the first of them in the lowest byte.

    Adjacent values are combined three times: digits to pairs, pairs to fours, fours to eights.
    """
    word = digits << (np.uint64(8) * (np.uint64(8) - how_many.astype(np.uint64)))
    word = (word * np.uint64(1 + (10 << 8))) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(1 + (100 << 16))) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
    return word * np.uint64(1 + (10_000 << 32)) >> np.uint64(32)
