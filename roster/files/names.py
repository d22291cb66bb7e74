"""Names of projects and accounts: what is one, and which are the same.

The functions on whole columns work on the column's bytes: with hundreds of thousands of names a pattern
matched name by name would take longer than reading the file.
"""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_NAME = 255
# The packaging specifications' name, https://packaging.python.org/specifications/name-normalization/
PROJECT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
# No sign that starts a formula, ends a line or needs quoting; indexes are stricter.
USERNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?", re.ASCII)

_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_IN_A_NAME = _ALPHANUMERIC + b"._-"
FOLD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ._", b"abcdefghijklmnopqrstuvwxyz--")
_ENDS_A_NAME = np.isin(np.arange(256, dtype=np.uint8), np.frombuffer(_ALPHANUMERIC, np.uint8))
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring values
# All bits of so many bytes, the first in the lowest.
FIRST_BYTES = np.array([(1 << (8 * kept)) - 1 for kept in range(9)], np.uint64)

# Eight letters, so that eight bytes can be read wherever a name starts.
SPARE = b"aaaaaaaa"
ROWS_A_BLOCK = 8_192
_RUN = re.compile(rb"-{2,}")

Positions = npt.NDArray[np.intp]


def blocks(how_many: int) -> Iterator[slice]:
    """Rows in runs whose intermediate results stay in the processor's cache: several times as fast."""
    yield from (slice(start, start + ROWS_A_BLOCK) for start in range(0, how_many, ROWS_A_BLOCK))


def is_project_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and PROJECT_NAME.fullmatch(name) is not None


def is_username(name: str) -> bool:
    return USERNAME.fullmatch(name) is not None


def normalized(name: str) -> str:
    """The spelling under which all spellings of a project's name are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Names:
    """Many names at once: places in the bytes of a file or of an Arrow column.

    Args: data: with `SPARE` behind the last name.
    """

    def __init__(self, data: bytes, starts: Positions, ends: Positions) -> None:
        self._data, self._starts, self._ends = data, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    def are_project_names(self, besides: bytes = b"") -> bool:
        """Whether every one is a project's name.

        Args: besides: what else is in the data, between the names; none of it may be in a name.
        """
        lengths = self._ends - self._starts
        if not len(self) or lengths.min() < 1 or lengths.max() > LONGEST_NAME:
            return False
        if self._data.translate(None, _IN_A_NAME + besides):
            return False
        letters = np.frombuffer(self._data, np.uint8)
        firsts, lasts = letters[self._starts], letters[self._ends - 1]
        return bool(_ENDS_A_NAME[firsts].all() and _ENDS_A_NAME[lasts].all())

    def are_distinct(self) -> bool:
        """Whether none stands there twice, letter by letter."""
        hashes = np.sort(self._hashes())
        if not (hashes[1:] == hashes[:-1]).any():
            return True
        # Equal hashes may be different names; only then are the names themselves compared.
        bounds = zip(self._starts.tolist(), self._ends.tolist(), strict=True)
        return len({self._data[start:end] for start, end in bounds}) == len(self)

    def are_distinct_projects(self) -> bool:
        """Whether none stands there twice in whatever spelling; they must be project names."""
        # One letter for one letter, so the names stay where they are.
        folded = Names(self._data.translate(FOLD), self._starts, self._ends)
        if b"--" not in folded._data:
            return folded.are_distinct()
        return folded._without_runs().are_distinct()

    def _without_runs(self) -> "Names":
        """The names with one dash where several are; those with several move behind all others."""
        runs = np.array([match.start() for match in _RUN.finditer(self._data)], np.intp)
        rows = np.unique(np.searchsorted(self._starts, runs, side="right") - 1)
        # A run that stands in no name (there is none in a list of names) belongs to nobody.
        rows = rows[rows >= 0]
        names = [
            _RUN.sub(b"-", self._data[start:end])
            for start, end in zip(self._starts[rows].tolist(), self._ends[rows].tolist(), strict=True)
        ]
        starts, ends = self._starts.copy(), self._ends.copy()
        ends[rows] = len(self._data) + np.cumsum([len(name) for name in names])
        starts[rows] = ends[rows] - [len(name) for name in names]
        return Names(self._data + b"".join(names) + SPARE, starts, ends)

    def _hashes(self) -> npt.NDArray[np.uint64]:
        """A 64-bit hash of each, taken eight bytes of all names at a time."""
        words = np.ndarray((len(self._data) - 7,), np.uint64, buffer=self._data, strides=(1,))
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
    """A column of names as Arrow keeps it: where each starts, and all their bytes one after the other."""

    def __init__(self, names: pa.StringArray) -> None:
        _, offsets, data = names.buffers()
        bounds = np.frombuffer(offsets, np.int32, count=len(names) + 1, offset=names.offset * 4)
        letters = data.slice(bounds[0], bounds[-1] - bounds[0]).to_pybytes() if data else b""
        self._bounds = bounds - bounds[0]
        super().__init__(letters + SPARE, self._bounds[:-1].astype(np.intp), self._bounds[1:].astype(np.intp))

    def normalized(self) -> pa.StringArray:
        """The normalised spelling of each; they must be project names."""
        folded = self._data.translate(FOLD)
        buffers = pa.py_buffer(self._bounds.tobytes()), pa.py_buffer(folded)
        column = pa.StringArray.from_buffers(len(self), *buffers)
        if b"--" not in folded:
            return column
        runs = pc.match_substring(column, "--")
        return pc.replace_with_mask(column, runs, pc.replace_substring_regex(column.filter(runs), "-+", "-"))
