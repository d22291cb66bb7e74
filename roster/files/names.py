"""Names of projects and accounts: what is one, and which are the same.

The functions on whole columns work on the column's bytes: with hundreds of thousands of names a pattern
matched name by name would take longer than reading the file.
"""

import re
from itertools import pairwise

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
_FOLD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ._", b"abcdefghijklmnopqrstuvwxyz--")
_ENDS_A_NAME = np.isin(np.arange(256, dtype=np.uint8), np.frombuffer(_ALPHANUMERIC, np.uint8))
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring values
_FIRST_BYTES = np.array([(1 << (8 * kept)) - 1 for kept in range(9)], np.uint64)


def is_project_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and PROJECT_NAME.fullmatch(name) is not None


def is_username(name: str) -> bool:
    return USERNAME.fullmatch(name) is not None


def normalized(name: str) -> str:
    """The spelling under which all spellings of a project's name are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


class NameColumn:
    """A column of names as Arrow keeps it: where each starts, and all their bytes one after the other."""

    def __init__(self, names: pa.StringArray) -> None:
        _, offsets, data = names.buffers()
        starts = np.frombuffer(offsets, np.int32, count=len(names) + 1, offset=names.offset * 4)
        self._starts = starts - starts[0]
        self._data = data.slice(starts[0], starts[-1] - starts[0]).to_pybytes() if data else b""

    def __len__(self) -> int:
        return len(self._starts) - 1

    def are_project_names(self) -> bool:
        """Whether every one is a project's name."""
        lengths = np.diff(self._starts)
        if not len(self) or lengths.min() < 1 or lengths.max() > LONGEST_NAME:
            return False
        if self._data.translate(None, _IN_A_NAME):
            return False
        letters = np.frombuffer(self._data, np.uint8)
        firsts, lasts = letters[self._starts[:-1]], letters[self._starts[1:] - 1]
        return bool(_ENDS_A_NAME[firsts].all() and _ENDS_A_NAME[lasts].all())

    def normalized(self) -> pa.StringArray:
        """The normalised spelling of each; they must be project names."""
        # One letter for one letter, so the names stay where they are.
        folded = self._data.translate(_FOLD)
        buffers = pa.py_buffer(self._starts.tobytes()), pa.py_buffer(folded)
        column = pa.StringArray.from_buffers(len(self), *buffers)
        if b"--" not in folded:
            return column
        runs = pc.match_substring(column, "--")
        return pc.replace_with_mask(column, runs, pc.replace_substring_regex(column.filter(runs), "-+", "-"))

    def are_distinct(self) -> bool:
        """Whether none stands there twice."""
        hashes = np.sort(self._hashes())
        if not (hashes[1:] == hashes[:-1]).any():
            return True
        # Equal hashes may be different names; only then are the names themselves compared.
        starts = self._starts.tolist()
        names = {self._data[start:end] for start, end in pairwise(starts)}
        return len(names) == len(self)

    def _hashes(self) -> npt.NDArray[np.uint64]:
        """A 64-bit hash of each, taken eight bytes of all names at a time."""
        padded = np.frombuffer(self._data + bytes(8), np.uint8)
        words = np.ndarray((len(padded) - 7,), np.uint64, buffer=padded.data, strides=(1,))
        position, left = self._starts[:-1], np.diff(self._starts)
        hashes: npt.NDArray[np.uint64] = left.astype(np.uint64)
        rows: npt.NDArray[np.intp] | slice = slice(None)
        while len(position):
            mixed = words[position]
            mixed &= _FIRST_BYTES[np.minimum(left, 8)]
            mixed ^= hashes[rows]
            mixed *= _ODD
            mixed ^= mixed >> np.uint64(29)
            hashes[rows] = mixed
            longer = np.flatnonzero(left > 8)
            rows = longer if isinstance(rows, slice) else rows[longer]
            position, left = position[longer] + 8, left[longer] - 8
        return hashes
