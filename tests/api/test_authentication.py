"""Who comes in, with what right, how often; and that everything said is a problem document."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from api import rate_limiting
from api.models import ApiToken
from api.tokens import SCOPES, authenticate, create_token, token_digest
from common import clock
from common.errors import BadRequest
from config.models import User
from fulfillment.claims.models import Claim
from tests.api.conftest import Body, Caller, assert_problem

pytestmark = pytest.mark.django_db


def test_a_token_is_kept_as_a_digest_only(now: datetime) -> None:
    token, secret = create_token(name="index-sync", scopes=["claims:read"], days=1, now=now)
    assert secret.startswith("kd_")
    assert len(secret) > 40
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret not in str(row)
    assert row["digest"] == token_digest(secret)


def test_the_use_of_a_token_is_noted_to_the_hour(now: datetime) -> None:
    token, secret = create_token(name="index-sync", scopes=["claims:read"], days=1, now=now)
    for minutes, noted in ((0, 0), (59, 0), (61, 61)):
        authenticate(secret, now=now + timedelta(minutes=minutes))
        token.refresh_from_db()
        assert token.last_used_at == now + timedelta(minutes=noted)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": "someone@example.org"}, "name"),
        ({"name": "taken"}, "name"),
        ({"scopes": ["claims:everything"]}, "scope"),
        ({"scopes": []}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 10_000}, "days"),
    ],
)
def test_a_token_that_cannot_be_is_refused(now: datetime, change: dict[str, Any], field: str) -> None:
    create_token(name="taken", scopes=["claims:read"], days=1, now=now)
    given: dict[str, Any] = {"name": "index-sync", "scopes": ["claims:read"], "days": 1, "now": now} | change
    with pytest.raises(BadRequest) as refused:
        create_token(**given)
    assert [error.field for error in refused.value.errors] == [field]
    assert ApiToken.objects.count() == 1


def test_no_token_is_asked_for_one(anonymous: Caller) -> None:
    answer = anonymous.get("/claims")
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("authorization", ["kd_x", "Bearer", "Bearer kd_unknown", "Basic kd_x", "Bearer ä"])
def test_an_unknown_token_is_refused(anonymous: Caller, authorization: str) -> None:
    assert_problem(anonymous.get("/claims", Authorization=authorization), 401, "unauthenticated")


def test_an_expired_and_a_revoked_token_are_refused(secret: Callable[..., str], now: datetime) -> None:
    caller = Caller(secret(days=1))
    assert caller.get("/claims").status_code == 200
    with clock.reading(lambda: now + timedelta(days=1)):
        assert_problem(caller.get("/claims"), 401, "unauthenticated")
    ApiToken.objects.update(revoked_at=now)
    assert_problem(caller.get("/claims"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/claims", "claims:read"),
        ("get", "/claims/C-000000000000", "claims:read"),
        ("post", "/claims", "claims:write"),
        ("post", "/claims/C-000000000000/cancel", "claims:write"),
        ("post", "/claims/C-000000000000/review", "claims:write"),
        ("put", "/claims/C-000000000000/shipping-address", "claims:write"),
        ("get", "/maintainers/m-owner/eligibility", "claims:read"),
        ("get", "/inventory/stock", "inventory:read"),
        ("get", "/inventory/units/KD-1", "inventory:read"),
        ("get", "/inventory/units/KD-1/custody", "inventory:read"),
        ("get", "/inventory/recalls/R-000000000000", "inventory:read"),
        ("post", "/inventory/recalls/R-000000000000/lift", "inventory:write"),
        ("get", "/shipments", "shipping:read"),
        ("get", "/shipments/S-000000000000", "shipping:read"),
        ("post", "/shipments/S-000000000000/buy", "shipping:write"),
        ("post", "/shipments/S-000000000000/refund", "shipping:write"),
        ("post", "/manifests", "shipping:write"),
        ("get", "/manifests/M-000000000000", "shipping:read"),
        ("post", "/inventory/lots", "inventory:write"),
        ("post", "/inventory/counts", "inventory:write"),
        ("post", "/inventory/adjustments", "inventory:write"),
        ("post", "/inventory/recalls", "inventory:write"),
    ],
)
def test_a_token_without_the_scope_is_refused(
    secret: Callable[..., str], method: str, path: str, scope: str
) -> None:
    others = [other for other in SCOPES if other != scope]
    caller = Caller(secret(*others))
    answer = caller.get(path) if method == "get" else getattr(caller, method)(path, {})
    assert scope in assert_problem(answer, 403, "missing_scope")["detail"]


def test_an_unknown_address_is_a_problem(caller: Caller) -> None:
    for path in (
        "/nothing",
        "/",
        "/claims/x/y",
        "/claims/C-1",
        "/claims/%00",
        "/claims/C-00000000000%00",
    ):
        assert_problem(caller.get(path), 404, "not_found")


def test_another_method_is_a_problem_that_says_what_is_allowed(caller: Caller) -> None:
    answer = caller.put("/claims", {})
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_an_unexpected_failure_says_nothing_of_itself(
    caller: Caller,
    claim_body: Body,
    roster: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(**given: Any) -> Claim:
        raise RuntimeError(f"no room for {given['address'].street1}")

    monkeypatch.setattr("api.claims.router.submit_claim", fail)
    with caplog.at_level(logging.ERROR):
        answer = caller.post("/claims", claim_body)
    document = assert_problem(answer, 500, "internal_error")
    assert "Montgomery" not in str(document)
    assert "RuntimeError" in caplog.text
    assert "in create_claim" in caplog.text
    assert "Montgomery" not in caplog.text


def test_too_many_calls_are_told_when_to_come_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setattr(rate_limiting, "PER_TOKEN", 3)
    assert [caller.get("/claims").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = caller.get("/claims")
    assert_problem(answer, 429, "too_many_requests")
    assert answer.headers["Retry-After"] == "60"
    with clock.reading(lambda: now + timedelta(seconds=60)):
        assert caller.get("/claims").status_code == 200


def test_public_calls_are_counted_by_network_address(
    anonymous: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiting, "PER_ADDRESS", 1)
    assert anonymous.get("/regions").status_code == 200
    assert anonymous.get("/regions").status_code == 429
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.get("/api/v1/regions").status_code == 200


def test_behind_the_proxy_its_word_counts_and_no_other(
    anonymous: Caller, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(rate_limiting, "PER_ADDRESS", 1)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = Client(REMOTE_ADDR="10.0.0.1")
    codes = [
        client.get("/api/v1/regions", headers={"X-Forwarded-For": seen}).status_code
        for seen in ("1.1.1.1, 198.51.100.7", "2.2.2.2, 198.51.100.7", "198.51.100.8")
    ]
    assert codes == [200, 429, 200]


class TestTheSession:
    """Calls of the person who is signed in."""

    def test_nobody_signed_in_is_asked_to(self) -> None:
        assert_problem(Client().get("/api/v1/me/claims"), 401, "unauthenticated")

    def test_a_token_does_not_open_it(self, caller: Caller) -> None:
        assert_problem(caller.get("/me/claims"), 401, "unauthenticated")

    def test_staff_without_an_account_are_told_so(self) -> None:
        client = Client()
        client.force_login(User.objects.create(username="staff", is_staff=True))
        assert_problem(client.get("/api/v1/me/claims"), 403, "not_a_maintainer")

    def test_a_change_needs_the_csrf_token(
        self, stock: None, make_claim: Callable[..., Claim], sign_in_of: Callable[[str], User]
    ) -> None:
        claim = make_claim("m-owner")
        client = Client(enforce_csrf_checks=True)
        client.force_login(sign_in_of("m-owner"))
        answer = client.post(f"/api/v1/me/claims/{claim.code}/cancel", headers={"Idempotency-Key": "one"})
        assert_problem(answer, 403, "csrf_failed")
        claim.refresh_from_db()
        assert claim.state == "accepted"
        client.get("/claim/")
        client.get(f"/claims/{claim.code}/cancel/")
        token = client.cookies["csrftoken"].value
        answer = client.post(
            f"/api/v1/me/claims/{claim.code}/cancel", headers={"X-CSRFToken": token, "Idempotency-Key": "one"}
        )
        assert answer.status_code == 200
        assert answer.json()["state"] == "cancelled"

    def test_somebody_elses_claim_is_as_unknown_as_none(
        self, stock: None, make_claim: Callable[..., Claim], sign_in_of: Callable[[str], User]
    ) -> None:
        mine, theirs = make_claim("m-owner"), make_claim("m-second")
        client = Client()
        client.force_login(sign_in_of("m-owner"))
        listed = client.get("/api/v1/me/claims").json()["items"]
        assert [claim["code"] for claim in listed] == [mine.code]
        assert client.get(f"/api/v1/me/claims/{mine.code}").status_code == 200
        for code in (theirs.code, "C-000000000000"):
            assert_problem(client.get(f"/api/v1/me/claims/{code}"), 404, "unknown_claim")
            assert_problem(client.post(f"/api/v1/me/claims/{code}/cancel"), 404, "unknown_claim")
        theirs.refresh_from_db()
        assert theirs.state == "accepted"

    def test_my_eligibility_is_the_decision_about_me(
        self, campaign: Any, stock: None, sign_in_of: Callable[[str], User]
    ) -> None:
        client = Client()
        client.force_login(sign_in_of("m-guarded"))
        decision = client.get("/api/v1/me/eligibility?country=DE").json()
        assert decision["outcome"] == "ineligible"
        assert decision["headline"] == "two_factor"
