"""Calls that threads of a process make at the same moment, done as one."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Group(Generic[T]):
    items: list[T] = field(default_factory=list)
    is_done: threading.Event = field(default_factory=threading.Event)
    failed: bool = True


class Together(Generic[T]):
    """Does at once what several threads ask for while one call is under way; alone, nobody waits for others.

    Args: do: does all of these, or fails and does none.
    """

    def __init__(self, do: Callable[[Collection[T]], None]) -> None:
        self._do = do
        self._gathering: _Group[T] | None = None
        self._gate, self._turn = threading.Lock(), threading.Lock()

    def __call__(self, item: T) -> None:
        """Do this one, alone or with others. Raises: what `do` raises for this one alone."""
        with self._gate:
            leads = self._gathering is None
            group = self._gathering = self._gathering or _Group()
            group.items.append(item)
        if not leads:
            group.is_done.wait()
        else:
            self._lead(group)
        if group.failed:
            # One of them can have spoilt it for all.
            self._do([item])

    def _lead(self, group: _Group[T]) -> None:
        try:
            with self._turn:
                with self._gate:
                    self._gathering = None
                self._do(group.items)
            group.failed = False
        except Exception:
            if len(group.items) == 1:
                raise
        finally:
            # Whoever waits goes on whatever happens to this thread.
            group.is_done.set()
