"""Reads the recordings of real EasyPost traffic and compares shapes with them.

A shape is the keys of every object and the JSON type of every value. The recordings span 2020 to 2025,
and EasyPost adds keys over time, so a key or a null that one recording has and another has not is fine
as long as some recording shows it for the same class of object.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "easypost-recordings"

# Keys that old recordings have and the newest have not.
GONE = {("Tracker", "user_id"), ("addresses-list", "_note")}

ID = re.compile(r"[a-z]+_[0-9a-f]{32}")


@cache
def load(number: str) -> dict[str, Any]:
    (path,) = FOLDER.glob(f"{number}-*.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def class_of(value: dict[str, Any], place: str) -> str:
    """The class of an object: what it says of itself, or where it stands."""
    name = value.get("object")
    if name:
        return str(name)
    return "addresses-list" if "addresses" in value else place


def objects(value: Any, place: str = "body") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in an answer with its class."""
    if isinstance(value, dict):
        yield class_of(value, place), value
        for key, inner in value.items():
            yield from objects(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner, place)


@cache
def seen() -> dict[tuple[str, str], set[str]]:
    """The JSON types that the recordings show for each key of each class."""
    types: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in sorted(FOLDER.glob("[0-9][0-9]-*.json")):
        for interaction in json.loads(path.read_text())["interactions"]:
            for name, value in objects(interaction["response"]["body"]):
                for key, inner in value.items():
                    types[name, key].add(json_type(inner))
    return types


def differences(recorded: Any, ours: Any, place: str = "body") -> list[str]:
    """Where our shape departs from the recorded one."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        return _object_differences(recorded, ours, place)
    if isinstance(recorded, list) and isinstance(ours, list):
        if recorded and not ours:
            return [f"{place}: empty, recorded with {len(recorded)}"]
        return [found for one in ours if recorded for found in differences(recorded[0], one, place)]
    if json_type(recorded) != json_type(ours):
        return [f"{place}: {json_type(ours)}, recorded {json_type(recorded)}"]
    return []


def _object_differences(recorded: dict[str, Any], ours: dict[str, Any], place: str) -> list[str]:
    name = class_of(recorded, place)
    found = []
    for key in recorded.keys() - ours.keys():
        if (name, key) not in GONE:
            found.append(f"{name}.{key} is missing")
    for key in ours.keys() - recorded.keys():
        if (name, key) not in seen():
            found.append(f"{name}.{key} is in no recording")
    for key in recorded.keys() & ours.keys():
        there, here = recorded[key], ours[key]
        if there == "<REDACTED>":  # EasyPost's own scrubbing wrote over nulls, too.
            continue
        if json_type(there) != json_type(here):
            if json_type(here) not in seen()[name, key]:
                found.append(f"{name}.{key}: {json_type(here)}, recorded {sorted(seen()[name, key])}")
        else:
            found += differences(there, here, key)
    return found


class Substitution:
    """Learns which of our ids and tracking codes stands for which recorded one."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}

    def learn(self, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self.learn(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self._learn_rate(one, ours)
                self.learn(one, other)
        elif isinstance(recorded, str) and isinstance(ours, str) and _is_name(recorded):
            self.ours.setdefault(recorded, ours)

    def apply(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.apply(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.apply(inner) for inner in value]
        if isinstance(value, str):
            return self.ours.get(value, ID.sub(lambda match: self.ours.get(match[0], match[0]), value))
        return value

    def _learn_rate(self, recorded: Any, ours: list[Any]) -> None:
        """Rates come in no fixed order: a service stands for the same service."""
        if not (isinstance(recorded, dict) and recorded.get("object") == "Rate"):
            return
        for rate in ours:
            if rate["service"] == recorded["service"]:
                self.ours[recorded["id"]] = rate["id"]


def _is_name(text: str) -> bool:
    """An id or a tracking code; sentences, times and amounts are not."""
    return ID.fullmatch(text) is not None or (text.isalnum() and text[-4:].isdigit())


def unflatten(form: dict[str, str]) -> dict[str, Any]:
    """The nested object that old clients sent as form fields: `customs_info[customs_items][0][id]`."""
    nested: dict[str, Any] = {}
    for name, value in form.items():
        *path, last = re.findall(r"[^\[\]]+", name)
        target = nested
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return {key: _listed(value) for key, value in nested.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(item) for key, item in value.items()}
    return [inner[key] for key in sorted(inner)] if inner and all(key.isdigit() for key in inner) else inner
