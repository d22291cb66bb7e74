"""Requests of the control API: JSON bodies and responses, errors as `{"error": …}`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.vendor_json import Json

ControlHandler = Callable[[web.Request], Awaitable[Json]]


class ControlRefused(Exception):
    """An invalid control request."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answering(
    handler: ControlHandler,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Respond with a handler's result as JSON, or with its refusal as `{"error": …}`."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except ControlRefused as refusal:
            return web.json_response({"error": str(refusal)}, status=refusal.status)

    return answer


async def body_of(request: web.Request) -> Json:
    """The request's JSON object. Raises: ControlRefused."""
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise ControlRefused("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ControlRefused("the body must be an object")
    return body
