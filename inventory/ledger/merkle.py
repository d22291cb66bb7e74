"""Merkle trees as in RFC 6962, except that the leaves are hashes of movements.

A node is the SHA-256 of the byte 1 and its two children; the last of an odd number moves up a level as it
is. The text of a movement's hash begins with `keydesk movement`, so no leaf can be mistaken for a node.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

EMPTY_ROOT = sha256(b"").digest()
# Number of leaves folded at once, which is faster than one by one.
_CHUNK = 1 << 10


class ProofStep(NamedTuple):
    """One step of a proof: the sibling and its side."""

    side: Literal["left", "right"]
    hash: bytes


def _level_up(level: Sequence[bytes]) -> list[bytes]:
    up = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*up, level[-1]] if len(level) % 2 else up


def _fold(level: Sequence[bytes]) -> bytes:
    while len(level) > 1:
        level = _level_up(level)
    return level[0]


class Tree:
    """A tree built leaf by leaf, in order.

    `add` only appends; with an occasional `fold` only the right edge is kept.
    """

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._peaks: list[tuple[int, bytes]] = []
        self._folded = 0
        self.add = self._waiting.append

    def __len__(self) -> int:
        return self._folded + len(self._waiting)

    def fold(self) -> None:
        """Reduce complete chunks of leaves to one hash each."""
        whole = len(self._waiting) // _CHUNK * _CHUNK
        for start in range(0, whole, _CHUNK):
            self._push(_fold(self._waiting[start : start + _CHUNK]))
        del self._waiting[:whole]

    def _push(self, peak: bytes) -> None:
        level = 0
        while self._peaks and self._peaks[-1][0] == level:
            peak = sha256(b"\1" + self._peaks.pop()[1] + peak).digest()
            level += 1
        self._peaks.append((level, peak))
        self._folded += _CHUNK

    def root(self) -> bytes:
        self.fold()
        parts = [peak for _, peak in self._peaks]
        if self._waiting:
            parts.append(_fold(self._waiting))
        if not parts:
            return EMPTY_ROOT
        root = parts.pop()
        while parts:
            root = sha256(b"\1" + parts.pop() + root).digest()
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    return _fold(leaves) if leaves else EMPTY_ROOT


def proof(leaves: Sequence[bytes], index: int) -> list[ProofStep]:
    """The siblings from the leaf at `index` up to the root; missing siblings are left out."""
    steps: list[ProofStep] = []
    level: Sequence[bytes] = leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            steps.append(ProofStep("left" if sibling < index else "right", level[sibling]))
        level, index = _level_up(level), index // 2
    return steps
