"""Everything one mode (test or production) of the stand-in works with, and the shape of a handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.easypost.errors import EasyPostError, required, resource_not_found, wrong_type
from sandbox.easypost.settings import EasyPostSettings
from sandbox.easypost.store import ObjectStore
from sandbox.easypost.webhook_delivery import EasyPostWebhookSender
from sandbox.easypost.world import EasyPostWorld
from sandbox.vendor_json import Json


@dataclass(slots=True)
class EasyPostAccount:
    mode: str
    world: EasyPostWorld
    webhook_sender: EasyPostWebhookSender
    store: ObjectStore

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @property
    def settings(self) -> EasyPostSettings:
        return self.world.settings

    @property
    def user_id(self) -> str:
        return "user_" + "5" * 32


@dataclass(slots=True)
class EasyPostCall:
    """One request: `ids` from the path, `query` with the last value of each name, `body` as sent."""

    method: str
    path: str
    base_url: str
    ids: dict[str, str]
    query: dict[str, str]
    query_lists: dict[str, list[str]]
    body: Json

    def wrapped(self, name: str) -> Json:
        """The object the body wraps, as `{"address": {...}}`. Raises PARAMETER.REQUIRED."""
        inner = self.body.get(name)
        if not isinstance(inner, dict) or not inner:
            raise required(name)
        return inner


@dataclass(slots=True)
class Reply:
    body: Json | list[Json]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[EasyPostAccount, EasyPostCall], Reply | Awaitable[Reply]]


def find_by_id(objects: dict[str, Json], object_id: str, prefix: str) -> Json:
    """One object by id. Raises PARAMETER.INVALID_TYPE for another class's id and NOT_FOUND."""
    if not object_id.startswith(f"{prefix}_"):
        raise wrong_type(prefix)
    try:
        return objects[object_id]
    except KeyError:
        raise resource_not_found() from None


def created(kind: str, body: Json) -> Reply:
    """201 with the place of the new object."""
    return Reply(body, 201, {"Location": f"/api/v2/{kind}/{body['id']}"})


def as_object(value: object, field_name: str) -> Json:
    if not isinstance(value, dict):
        problem = {"field": field_name, "message": "must be an object"}
        raise EasyPostError(422, "PARAMETER.INVALID_TYPE", "Wrong parameter type.", [problem])
    return value
