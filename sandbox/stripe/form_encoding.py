"""Form encoding of Stripe: `line_items[0][price_data][currency]=usd` is a nested object."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from sandbox.stripe.errors import invalid
from sandbox.vendor_json import Json

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
DEEPEST = 8


def parse(text: str) -> Json:
    """Parse a form or query string into nested dictionaries; dictionaries keyed by index become lists."""
    tree: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _put(tree, _path(name), value)
    return {name: _with_lists(value) for name, value in tree.items()}


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", param=name)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(path) > DEEPEST:
        raise invalid("Too deep.", param=name)
    return path


def _put(tree: Json, path: list[str], value: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise invalid("A parameter is both a value and an object.", param=part)
    # `expand[]=a&expand[]=b` numbers its values in order.
    last = path[-1] or str(len(tree))
    tree[last] = value


def _with_lists(tree: object) -> object:
    if not isinstance(tree, dict):
        return tree
    made = {name: _with_lists(value) for name, value in tree.items()}
    if made and all(name.isdigit() for name in made):
        return [made[name] for name in sorted(made, key=int)]
    return made


def whole_number(value: object, name: str, *, at_least: int | None = None) -> int:
    """An integer sent in a form. Raises: StripeError: not an integer, or too small."""
    try:
        number = int(value if isinstance(value, str | int) else "")
    except ValueError:
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer") from None
    if at_least is not None and number < at_least:
        raise invalid(
            f"This value must be greater than or equal to {at_least}.",
            param=name,
            code="parameter_invalid_integer",
        )
    return number


def form_text(value: object, name: str, *, longest: int = 5000) -> str:
    if not isinstance(value, str):
        raise invalid("Invalid string", param=name)
    if len(value) > longest:
        raise invalid(f"Invalid string: must be at most {longest} characters", param=name)
    return value


def metadata(value: object, name: str = "metadata") -> dict[str, str]:
    if value in (None, ""):
        return {}
    if not isinstance(value, dict) or len(value) > 50:
        raise invalid("Invalid object", param=name)
    return {key: form_text(item, f"{name}[{key}]", longest=500) for key, item in value.items()}
