"""Lists: newest first, cut by `before_id`, `after_id`, `page_size` and the time window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from sandbox.easypost.account import EasyPostCall
from sandbox.easypost.errors import EasyPostError
from sandbox.easypost.formats import parse_time

Item = TypeVar("Item")

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
# Without start_datetime EasyPost lists the last month only.
DEFAULT_WINDOW = timedelta(days=31)


def easypost_page(
    oldest_first: Iterable[Item],
    call: EasyPostCall,
    *,
    now: datetime,
    id_of: Callable[[Item], str],
    time_of: Callable[[Item], datetime],
) -> tuple[list[Item], bool]:
    """The page that the query asks for, newest first, and whether there is more behind it."""
    start = _time(call, "start_datetime") or now - DEFAULT_WINDOW
    end = _time(call, "end_datetime")
    items = [item for item in oldest_first if time_of(item) >= start and (end is None or time_of(item) < end)]
    items.reverse()
    items = _between(items, call, id_of)
    size = _size(call)
    return items[:size], len(items) > size


def _between(items: list[Item], call: EasyPostCall, id_of: Callable[[Item], str]) -> list[Item]:
    places = {id_of(item): place for place, item in enumerate(items)}
    before, after = call.query.get("before_id"), call.query.get("after_id")
    if before is not None:
        return items[places[before] + 1 :] if before in places else []
    if after is not None:
        return items[: places[after]] if after in places else []
    return items


def _size(call: EasyPostCall) -> int:
    try:
        size = int(call.query.get("page_size", DEFAULT_PAGE))
    except ValueError:
        raise _invalid("page_size") from None
    return max(1, min(size, LARGEST_PAGE))


def _time(call: EasyPostCall, name: str) -> datetime | None:
    value = call.query.get(name)
    if not value:
        return None
    try:
        return parse_time(value.replace(" ", "+"))
    except ValueError:
        raise _invalid(name) from None


def _invalid(name: str) -> EasyPostError:
    problem = {"field": name, "message": "is not valid"}
    return EasyPostError(422, "PARAMETER.INVALID_TYPE", "Wrong parameter type.", [problem])
