"""The current time. A view, a command or a job reads it once and passes it on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _wall_clock() -> datetime:
    return datetime.now(UTC)


# A stack, so that the previous clock is restored whatever happens meanwhile.
_clocks: list[Callable[[], datetime]] = [_wall_clock]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _clocks[-1]()


@contextmanager
def reading(read: Callable[[], datetime]) -> Iterator[None]:
    """Replace the clock of this process: a rehearsal's virtual one, a test's fixed one.

    It is per process, not per thread, because a rehearsal's requests arrive on server threads.
    """
    _clocks.append(read)
    try:
        yield
    finally:
        _clocks.remove(read)
