"""Expansion: ids in a response replaced by the objects they name, as `expand[]` asks."""

from __future__ import annotations

import copy

from sandbox.stripe.account import StripeAccount
from sandbox.stripe.errors import invalid
from sandbox.vendor_json import Json

DEEPEST_EXPANSION = 4


def expand_list(account: StripeAccount, found: Json, params: Json) -> Json:
    """A list with what `expand[]=data.…` asks for."""
    paths = [path.removeprefix("data.") for path in _expansions(params) if path.startswith("data.")]
    return found | {"data": [_expand_all(account, item, paths) for item in found["data"]]}


def expand_object(account: StripeAccount, body: Json, params: Json) -> Json:
    return _expand_all(account, body, _expansions(params))


def _expansions(params: Json) -> list[str]:
    given = params.get("expand", [])
    paths = given if isinstance(given, list) else [given]
    for path in paths:
        if path.count(".") >= DEEPEST_EXPANSION:
            raise invalid("You cannot expand more than 4 levels of a property", param="expand")
    return list(paths)


def _expand_all(account: StripeAccount, body: Json, paths: list[str]) -> Json:
    made = copy.deepcopy(body)
    for path in paths:
        _expand(account, made, path.split("."))
    return made


def _expand(account: StripeAccount, body: Json, path: list[str]) -> None:
    name, rest = path[0], path[1:]
    if name == "line_items" and body.get("object") == "checkout.session":
        lines = account.sessions[body["id"]].lines
        url = f"/v1/checkout/sessions/{body['id']}/line_items"
        body[name] = {"object": "list", "url": url, "has_more": False, "data": lines}
        return
    if name not in body:
        raise invalid(f"This property cannot be expanded ({name}).", param="expand")
    if isinstance(body[name], str):
        tables: tuple[dict[str, Json], ...] = (
            account.intents, account.charges, account.refunds, account.entries, account.disputes,
        )  # fmt: skip
        found = next((table[body[name]] for table in tables if body[name] in table), None)
        if found is None:
            return
        body[name] = copy.deepcopy(found)
    if rest and isinstance(body[name], dict):
        _expand(account, body[name], rest)
