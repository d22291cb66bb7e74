"""Authentication of API calls: token or session, scope, rate limit and Idempotency-Key, in this order.

django-ninja calls an instance of these classes before each operation; a refused call raises an error.
"""

from typing import cast

from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from api import idempotency, rate_limiting, tokens
from api.errors import CsrfFailed, MissingScope, NotAMaintainer, Unauthenticated
from api.idempotency import KeyedRequest
from api.models import ApiToken
from common import clock
from config.models import User
from roster.models import Account


class Token(AuthBase):
    """A token with the given scope: `Authorization: Bearer kd_…`."""

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
        _claim_key(request, caller)
        return token


class Session(AuthBase):
    """A maintainer signed in to the site. Changes need the site's CSRF token."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "sessionid"

    def __call__(self, request: HttpRequest) -> Account:
        user = request.user
        if not isinstance(user, User):
            raise Unauthenticated("Sign in on the site first.")
        if check_csrf(request) is not None:
            raise CsrfFailed
        caller = f"user:{user.pk}"
        rate_limiting.count_call(caller=caller, limit=rate_limiting.PER_PERSON, now=clock.now())
        if user.account is None:
            raise NotAMaintainer
        _claim_key(request, caller)
        return user.account


class Anyone:
    """Public access, with a rate limit for each network address."""

    def __call__(self, request: HttpRequest) -> str:
        caller = rate_limiting.anonymous_caller(request)
        rate_limiting.count_call(caller=caller, limit=rate_limiting.PER_ADDRESS, now=clock.now())
        return caller


def _claim_key(request: HttpRequest, caller: str) -> None:
    """Claim the Idempotency-Key of a POST; the other methods used here are idempotent anyway."""
    if request.method == "POST":
        cast(KeyedRequest, request).ticket = idempotency.begin(request, caller=caller, now=clock.now())


def bearer_token(request: HttpRequest) -> ApiToken:
    """The token that `Token` authenticated."""
    token = getattr(request, "auth", None)
    assert isinstance(token, ApiToken)
    return token


def caller_account(request: HttpRequest) -> Account:
    """The maintainer that `Session` authenticated."""
    account = getattr(request, "auth", None)
    assert isinstance(account, Account)
    return account
