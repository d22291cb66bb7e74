"""Time inside the stand-ins: a clock that can be virtual, and the agenda of what is due when."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


class Clock:
    """A clock that follows real time, or that only the control API moves.

    Args: start: the virtual time to begin at; None follows real time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._held = start

    @property
    def is_virtual(self) -> bool:
        return self._held is not None

    def now(self) -> datetime:
        return self._held if self._held is not None else datetime.now(UTC)

    def set(self, at: datetime) -> None:
        """Set a virtual clock; no effect on a clock that follows real time."""
        if self._held is not None:
            self._held = at


@dataclass(order=True, slots=True)
class Due:
    """An action due at a time. `key` identifies the object concerned."""

    at: datetime
    order: int
    key: str = field(compare=False)
    act: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.act = None


class Agenda:
    """Actions by due time; those due at the same time run in the order they were added."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._order = 0
        # Set whenever an entry is added, so that a task waiting for the next one checks again.
        self.changed = asyncio.Event()

    def put(self, at: datetime, act: Callable[[], None], *, key: str = "") -> Due:
        self._order += 1
        due = Due(at, self._order, key, act)
        self.put_back(due)
        return due

    def put_back(self, due: Due) -> None:
        heapq.heappush(self._heap, due)
        self.changed.set()

    def pop(self, until: datetime) -> Due | None:
        """Remove and return the first entry due at or before `until`."""
        self._drop_cancelled()
        if self._heap and self._heap[0].at <= until:
            return heapq.heappop(self._heap)
        return None

    def next_due(self) -> datetime | None:
        self._drop_cancelled()
        return self._heap[0].at if self._heap else None

    def clear(self) -> None:
        self._heap.clear()
        self.changed.set()

    def __len__(self) -> int:
        return sum(due.act is not None for due in self._heap)

    def _drop_cancelled(self) -> None:
        while self._heap and self._heap[0].act is None:
            heapq.heappop(self._heap)
