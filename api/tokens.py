"""Tokens: made once, shown once, kept as a digest, checked on every call."""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from api.errors import Unauthenticated
from api.models import ApiToken
from common.errors import BadRequest, FieldError
from common.prepared_queries import prepared

PREFIX = "kd_"
# What a token may be allowed, and what that means; the documentation page lists these.
SCOPES = {
    "claims:read": "See claims and whether a maintainer may claim",
    "claims:write": "Make, change, review and cancel claims",
    "reports:read": "Read the published reports, of any date",
    "reports:exact": "Read the exact reports, in which small groups can single people out",
    "shipping:read": "See parcels, their labels and manifests",
    "shipping:write": "Have labels bought and refunded, and parcels handed over",
    "inventory:read": "See the stock and the custody of a unit",
    "inventory:write": "Receive, place, count, quarantine, destroy and recall keys, in the token's own name",
    "roster:read": "See which projects are critical, and why",
    "roster:write": "Push accounts and lists, as an index does",
    "policies:write": "Draft, preview and publish policies, in the token's own name",
}
LONGEST_DAYS = 730
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,58}", re.ASCII)
# Writing the time of every call would make a hot row of every token; to the hour tells what is asked of it.
USE_IS_NOTED_EVERY = timedelta(hours=1)


def create_token(*, name: str, scopes: Collection[str], days: int, now: datetime) -> tuple[ApiToken, str]:
    """Make a token; the second part is the secret, which cannot be had again.

    Raises: BadRequest: a name that is taken or cannot be an actor, an unknown scope, a bad number of days.
    """
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("name", "bad_name", "A name has up to 58 letters, digits and _ . -"))
    elif ApiToken.objects.filter(name=name).exists():
        problems.append(
            FieldError("name", "taken", f"There is a token {name} already; names are never reused.")
        )
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        wrong = f"There is no scope {', '.join(unknown)}. " if unknown else "A token needs a scope. "
        problems.append(FieldError("scope", "unknown_scope", wrong + f"Scopes are {', '.join(SCOPES)}."))
    if not 1 <= days <= LONGEST_DAYS:
        problems.append(FieldError("days", "out_of_range", f"A token lasts 1 to {LONGEST_DAYS} days."))
    if problems:
        raise BadRequest(problems)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, secret


def digest_of(secret: str) -> str:
    """SHA-256 without salt or stretching suffices: the secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(secret: str, *, now: datetime) -> ApiToken:
    """The token with this secret. Raises: Unauthenticated: unknown, expired or revoked; which is not said."""
    token = next(iter(_valid(digest=digest_of(secret), now=now)), None)
    if token is None:
        raise Unauthenticated("This token is not known here, has expired or was revoked.")
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


@prepared
def _valid(*, digest: str, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.valid(now).filter(digest=digest)
