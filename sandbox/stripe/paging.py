"""Lists: newest first, cut by `limit`, `starting_after`, `ending_before` and `created[…]`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.stripe.errors import invalid
from sandbox.stripe.form_encoding import whole_number
from sandbox.vendor_json import Json

DEFAULT_PAGE, LARGEST_PAGE = 10, 100


def stripe_page(oldest_first: Iterable[Json], query: Json, *, url: str, by: tuple[str, ...] = ()) -> Json:
    """The list object that the query asks for. `by`: fields that may be asked for by value."""
    found = [item for item in oldest_first if _is_asked_for(item, query, by)]
    found.reverse()
    limit = whole_number(query.get("limit", DEFAULT_PAGE), "limit", at_least=1)
    if limit > LARGEST_PAGE:
        raise invalid("This value must be less than or equal to 100.", param="limit")
    places = {item["id"]: place for place, item in enumerate(found)}
    if (after := query.get("starting_after")) is not None:
        found = found[_place(places, after, "starting_after") + 1 :]
    elif (before := query.get("ending_before")) is not None:
        newer = found[: _place(places, before, "ending_before")]
        return _list(newer[-limit:], url, has_more=len(newer) > limit)
    return _list(found[:limit], url, has_more=len(found) > limit)


def _list(data: list[Json], url: str, *, has_more: bool) -> Json:
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def _place(places: Mapping[str, int], object_id: str, param: str) -> int:
    if object_id not in places:
        raise invalid(f"No such object: '{object_id}'", param=param, code="resource_missing")
    return places[object_id]


def _is_asked_for(item: Json, query: Json, by: tuple[str, ...]) -> bool:
    if any(name in query and item.get(name) != query[name] for name in by):
        return False
    created = query.get("created")
    if created is None:
        return True
    if not isinstance(created, dict):
        return bool(item["created"] == whole_number(created, "created"))
    tests = {
        "gte": lambda at, bound: at >= bound,
        "gt": lambda at, bound: at > bound,
        "lte": lambda at, bound: at <= bound,
        "lt": lambda at, bound: at < bound,
    }
    if unknown := sorted(set(created) - set(tests)):
        raise invalid("Received unknown parameter", param=f"created[{unknown[0]}]", code="parameter_unknown")
    return all(
        tests[name](item["created"], whole_number(bound, f"created[{name}]"))
        for name, bound in created.items()
    )
