"""Who comes in: token or session, scope, rate, and the Idempotency-Key, in this order.

Each class is what django-ninja calls before an operation; whatever it refuses, it raises.
"""

from typing import Any, cast

from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from api import idempotency, rate_limiting, tokens
from api.errors import CsrfFailed, MissingScope, NotAMaintainer, Unauthenticated
from api.models import ApiToken
from common import clock
from config.models import User
from roster.models import Account


class Token(AuthBase):
    """`Authorization: Bearer kd_…` with one scope."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, scope: str) -> None:
        assert scope in tokens.SCOPES, scope
        self.scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> ApiToken:
        now = clock.now()
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("Send a token: Authorization: Bearer kd_…")
        token = tokens.authenticate(secret.strip(), now=now)
        caller = f"token:{token.pk}"
        rate_limiting.count_call(caller=caller, limit=rate_limiting.PER_TOKEN, now=now)
        if self.scope not in token.scopes:
            raise MissingScope(self.scope)
        _take_key(request, caller)
        return token


class SessionCaller(AuthBase):
    """The signed-in maintainer of the site; changes need the site's CSRF token."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "sessionid"

    def __call__(self, request: HttpRequest) -> Account:
        user = cast(Any, request.user)
        if not user.is_authenticated:
            raise Unauthenticated("Sign in on the site first.")
        if check_csrf(request) is not None:
            raise CsrfFailed
        caller = f"user:{user.pk}"
        rate_limiting.count_call(caller=caller, limit=rate_limiting.PER_PERSON, now=clock.now())
        account = cast(User, user).account
        if account is None:
            raise NotAMaintainer
        _take_key(request, caller)
        return account


class Anyone:
    """Public calls: nobody is asked who they are, but calls of one network address are counted."""

    def __call__(self, request: HttpRequest) -> str:
        caller = rate_limiting.anonymous_caller(request)
        rate_limiting.count_call(caller=caller, limit=rate_limiting.PER_ADDRESS, now=clock.now())
        return caller


def _take_key(request: HttpRequest, caller: str) -> None:
    """Only POSTs repeat dangerously: the other methods here are idempotent by themselves."""
    if request.method == "POST":
        cast(Any, request).ticket = idempotency.begin(request, caller=caller, now=clock.now())


def bearer_token(request: HttpRequest) -> ApiToken:
    """The token that `Token` let in."""
    token = cast(Any, request).auth
    assert isinstance(token, ApiToken)
    return token


def caller_account(request: HttpRequest) -> Account:
    """The maintainer that `Session` let in."""
    account = cast(Any, request).auth
    assert isinstance(account, Account)
    return account
