"""Time inside the stand-ins: a clock that can be held, and the agenda of what falls due on it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


class Clock:
    """The wall's time, or a time that only the control API moves.

    Args: start: the virtual time to begin at; None follows the wall.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._held = start

    @property
    def is_virtual(self) -> bool:
        return self._held is not None

    def now(self) -> datetime:
        return self._held if self._held is not None else datetime.now(UTC)

    def set(self, at: datetime) -> None:
        """Put a virtual clock to `at`; a clock that follows the wall is left alone."""
        if self._held is not None:
            self._held = at


@dataclass(order=True, slots=True)
class Due:
    """Something that happens at a time. `key` names the object it happens to."""

    at: datetime
    order: int
    key: str = field(compare=False)
    act: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.act = None


class Agenda:
    """What will happen, soonest first; things due at the same instant keep the order they were put in."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._order = 0
        # Set whenever an entry arrives, so that whoever sleeps until the next one can look again.
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
        """Take the first entry due at `until` or before."""
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
