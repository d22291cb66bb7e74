"""Vectorised checks of project names: validity, duplicates and normalisation of whole columns.

They work on the bytes of the column: matching hundreds of thousands of names one by one would take
longer than reading the file.
"""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roster.files.names import LONGEST_NAME

_LOWER, _UPPER = b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Comma and line feed separate names; any byte that is not allowed in a name becomes zero.
_SEPARATORS = b",\n"
_KEPT = _LOWER + _UPPER + b"0123456789-._" + _SEPARATORS
_FOLD = bytes(byte if byte in _KEPT else 0 for byte in range(256)).translate(
    bytes.maketrans(_UPPER + b"._", _LOWER + b"--")
)
DASH = ord("-")
# Folded names consist of bytes from the dash upwards; separators and zeros are below it.
FIRST_IN_A_NAME = DASH
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring values
# Masks of the lowest bytes, by their number.
FIRST_BYTES = np.array([(1 << (8 * kept)) - 1 for kept in range(9)], np.uint64)

# Padding, so that eight bytes can be read wherever a name starts.
SPARE = b"aaaaaaaa"
ROWS_A_BLOCK = 8_192
_RUN = re.compile(rb"-{2,}")

Letters = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.intp]


def blocks(how_many: int) -> Iterator[slice]:
    """Slices of rows whose intermediate results fit into the processor cache: several times faster."""
    yield from (slice(start, start + ROWS_A_BLOCK) for start in range(0, how_many, ROWS_A_BLOCK))


def fold_names(data: bytes) -> bytes:
    """Map letters that are equivalent in project names to one; positions do not change."""
    return data.translate(_FOLD)


class Names:
    """Many project names, as positions in the bytes of a file or of an Arrow column.

    Args: folded: by `fold_names`, with `SPARE` behind the last name.
    """

    def __init__(self, folded: bytes, starts: Positions, ends: Positions) -> None:
        self._folded, self._starts, self._ends = folded, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    def are_project_names(self) -> bool:
        """Whether all are valid project names, given that none contains a zero or a separator."""
        lengths = self._ends - self._starts
        if not len(self) or lengths.min() < 1 or lengths.max() > LONGEST_NAME:
            return False
        letters = np.frombuffer(self._folded, np.uint8)
        return not ((letters[self._starts] == DASH).any() or (letters[self._ends - 1] == DASH).any())

    def are_distinct(self) -> bool:
        """Whether there are no duplicates in any spelling; all must be project names."""
        return (self._without_runs() if self._has_runs() else self)._are_distinct()

    def _are_distinct(self) -> bool:
        hashes = self._hashes()
        hashes.sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return True
        # Equal hashes may be different names; only then are the names themselves compared.
        bounds = zip(self._starts.tolist(), self._ends.tolist(), strict=True)
        return len({self._folded[start:end] for start, end in bounds}) == len(self)

    def _has_runs(self) -> bool:
        """Whether there are two adjacent dashes; faster than searching for the pair."""
        dashes = np.frombuffer(self._folded, np.uint8) == DASH
        return bool((dashes[1:] & dashes[:-1]).any())

    def _without_runs(self) -> "Names":
        """The names with runs of dashes collapsed; changed names move behind all others."""
        runs = np.array([match.start() for match in _RUN.finditer(self._folded)], np.intp)
        rows = np.unique(np.searchsorted(self._starts, runs, side="right") - 1)
        # A run outside all names is ignored.
        rows = rows[rows >= 0]
        names = [
            _RUN.sub(b"-", self._folded[start:end])
            for start, end in zip(self._starts[rows].tolist(), self._ends[rows].tolist(), strict=True)
        ]
        starts, ends = self._starts.copy(), self._ends.copy()
        ends[rows] = len(self._folded) + np.cumsum([len(name) for name in names])
        starts[rows] = ends[rows] - [len(name) for name in names]
        return Names(self._folded + b"".join(names) + SPARE, starts, ends)

    def _hashes(self) -> npt.NDArray[np.uint64]:
        """A 64-bit hash of each name, computed for eight bytes of all names at a time."""
        words = np.ndarray((len(self._folded) - 7,), np.uint64, buffer=self._folded, strides=(1,))
        hashes = np.empty(len(self), np.uint64)
        for rows in blocks(len(self)):
            _hash_block(words, self._starts[rows], self._ends[rows] - self._starts[rows], hashes[rows])
        return hashes


def _hash_block(
    words: npt.NDArray[np.uint64], position: Positions, left: Positions, hashes: npt.NDArray[np.uint64]
) -> None:
    hashes[:] = left.astype(np.uint64)
    rows: Positions | slice = slice(None)
    while len(position):
        mixed = words[position]
        mixed &= FIRST_BYTES[np.minimum(left, 8)]
        mixed ^= hashes[rows]
        mixed *= _ODD
        mixed ^= mixed >> np.uint64(29)
        hashes[rows] = mixed
        longer = np.flatnonzero(left > 8)
        rows = longer if isinstance(rows, slice) else rows[longer]
        position, left = position[longer] + 8, left[longer] - 8


class NameColumn(Names):
    """A column of names in Arrow's layout: offsets, and the bytes of all names."""

    def __init__(self, names: pa.StringArray) -> None:
        _, offsets, data = names.buffers()
        bounds = np.frombuffer(offsets, np.int32, count=len(names) + 1, offset=names.offset * 4)
        letters = data.slice(bounds[0], bounds[-1] - bounds[0]).to_pybytes() if data else b""
        self._bounds = bounds - bounds[0]
        places = self._bounds.astype(np.intp)
        super().__init__(fold_names(letters + SPARE), places[:-1], places[1:])

    def are_project_names(self) -> bool:
        """Whether all are valid project names."""
        is_in_a_name = np.frombuffer(self._folded, np.uint8) >= FIRST_IN_A_NAME
        return bool(is_in_a_name.all()) and super().are_project_names()

    def normalized(self) -> pa.StringArray:
        """The normalised spelling of each; all must be valid project names."""
        buffers = pa.py_buffer(self._bounds.tobytes()), pa.py_buffer(self._folded)
        column = pa.StringArray.from_buffers(len(self), *buffers)
        if not self._has_runs():
            return column
        runs = pc.match_substring(column, "--")
        return pc.replace_with_mask(column, runs, pc.replace_substring_regex(column.filter(runs), "-+", "-"))
