"""Callers of the API: a client, tokens and the body of a claim that is fine."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from api.tokens import SCOPES, create_token
from common import clock
from fulfillment.vault.addresses import PostalAddress

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    """The edge of the process reads the test's clock."""
    with clock.reading(lambda: now):
        yield


@pytest.fixture
def secret(db: None, now: datetime) -> Callable[..., str]:
    """Makes a token and gives its secret; all scopes unless some are named."""

    def make(*scopes: str, name: str = "index-sync", days: int = 30) -> str:
        return create_token(name=name, scopes=scopes or list(SCOPES), days=days, now=now)[1]

    return make


class Caller:
    """A program that calls with one token."""

    def __init__(self, secret: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers=self.headers | headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None) -> Any:
        return self._send("post", path, body, key=key, raw=raw)

    def put(self, path: str, body: Any) -> Any:
        return self._send("put", path, body, key=None, raw=None)

    def _send(self, method: str, path: str, body: Any, *, key: str | None, raw: bytes | None) -> HttpResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        send = getattr(self.client, method)
        answer: HttpResponse = send(
            f"/api/v1{path}", data=content, content_type="application/json", headers=headers
        )
        return answer


@pytest.fixture
def caller(secret: Callable[..., str]) -> Caller:
    """Calls with every scope."""
    return Caller(secret())


@pytest.fixture
def anonymous() -> Caller:
    return Caller()


@pytest.fixture
def claim_body(campaign: Any, address: PostalAddress) -> Body:
    """A claim of one key each that can be accepted."""
    return {
        "campaign": campaign.slug,
        "maintainer": "m-owner",
        "items": [{"sku": "KD-A-NFC", "quantity": 1}, {"sku": "KD-C-NFC", "quantity": 1}],
        "shipping_address": {name: value for name, value in vars(address).items() if value},
    }


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem document of this status and code; returns it."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.content)
    assert document["code"] == code
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["type"].endswith(f"/api/v1/docs#{code}")
    return document


def bad_fields(document: dict[str, Any]) -> dict[str, str]:
    """The bad fields a problem lists, each with its code."""
    return {error["field"]: error["code"] for error in document.get("errors", [])}
