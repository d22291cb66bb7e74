"""What several threads ask for at the same moment is done at once, and each is told its own."""

import threading
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fulfillment.group_commit import Together

PATIENCE_S = 30


class Door:
    """Notes what is done together; it stays shut in the first call until it is opened."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.is_in, self.opened = threading.Event(), threading.Event()

    def __call__(self, items: Collection[str]) -> None:
        self.calls.append(sorted(items))
        self.is_in.set()
        assert self.opened.wait(PATIENCE_S)
        if "bad" in items:
            raise ValueError("bad")


def played(items: list[str]) -> tuple[list[list[str]], list[Future[None]]]:
    """The calls made when the first of these is under way while the others come; and what each was told."""
    door = Door()
    together: Together[str] = Together(door)
    with ThreadPoolExecutor(len(items)) as pool:
        told = [pool.submit(together, items[0])]
        assert door.is_in.wait(PATIENCE_S)
        told += [pool.submit(together, item) for item in items[1:]]
        until = time.monotonic() + PATIENCE_S
        while together._gathering is None or len(together._gathering.items) < len(items) - 1:
            assert time.monotonic() < until
            time.sleep(0.001)
        door.opened.set()
    return door.calls, told


def test_whoever_comes_alone_is_done_alone() -> None:
    done: list[Collection[str]] = []
    together: Together[str] = Together(lambda items: done.append(list(items)))
    together("a")
    together("b")
    assert done == [["a"], ["b"]]


def test_those_who_come_meanwhile_are_done_as_one() -> None:
    calls, told = played(["a", "b", "c", "d"])
    assert calls == [["a"], ["b", "c", "d"]]
    assert [one.result() for one in told] == [None] * 4


def test_one_that_fails_spoils_it_for_nobody_else() -> None:
    calls, told = played(["a", "b", "bad", "d"])
    assert calls[:2] == [["a"], ["b", "bad", "d"]]
    assert sorted(calls[2:]) == [["b"], ["bad"], ["d"]]
    assert [type(one.exception()) for one in told] == [type(None), type(None), ValueError, type(None)]


def test_the_first_alone_is_told_why_it_failed_and_the_next_goes_on() -> None:
    together: Together[str] = Together(refuse_bad)
    with pytest.raises(ValueError, match="bad"):
        together("bad")
    together("good")


def refuse_bad(items: Collection[str]) -> None:
    if "bad" in items:
        raise ValueError("bad")
