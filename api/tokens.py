"""API tokens: shown once on creation, stored as a digest, checked on every call."""

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
# Scopes and what they allow; the documentation page lists these.
SCOPES = {
    "claims:read": "Read claims and the eligibility of maintainers",
    "claims:write": "Create, change, review and cancel claims",
    "reports:read": "Read published reports of any date",
    "reports:exact": "Read exact reports, in which small groups may identify people",
    "shipping:read": "Read shipments, labels and manifests",
    "shipping:write": "Buy and refund labels, hand shipments over",
    "inventory:read": "Read stock and the custody of units",
    "inventory:write": "Receive, put away, count, quarantine, destroy and recall keys, as the token",
    "roster:read": "Read the critical projects and their reasons",
    "roster:write": "Push accounts and lists from a package index",
    "policies:write": "Draft, preview and publish policies, with the token as actor",
}
LONGEST_DAYS = 730
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,58}", re.ASCII)
# Recording every call would make each token a hot row; once an hour is precise enough.
USE_IS_NOTED_EVERY = timedelta(hours=1)


def create_token(*, name: str, scopes: Collection[str], days: int, now: datetime) -> tuple[ApiToken, str]:
    """Create a token; returns it with its secret, which cannot be retrieved later.

    Raises: BadRequest: a name that is taken or cannot be an actor, an unknown scope, days out of range.
    """
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(
            FieldError(
                "name", "bad_name", "A name may have up to 58 letters, digits and the characters _ . -"
            )
        )
    elif ApiToken.objects.filter(name=name).exists():
        problems.append(
            FieldError("name", "taken", f"A token named {name} already exists; names are never reused.")
        )
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        wrong = f"Unknown scope: {', '.join(unknown)}. " if unknown else "A token needs at least one scope. "
        problems.append(FieldError("scope", "unknown_scope", wrong + f"Scopes: {', '.join(SCOPES)}."))
    if not 1 <= days <= LONGEST_DAYS:
        problems.append(
            FieldError("days", "out_of_range", f"A token can be valid for 1 to {LONGEST_DAYS} days.")
        )
    if problems:
        raise BadRequest(problems)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        digest=token_digest(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, secret


def token_digest(secret: str) -> str:
    """SHA-256 of a secret. No salt or stretching: a secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(secret: str, *, now: datetime) -> ApiToken:
    """The token with this secret. Raises: Unauthenticated, without saying whether it expired."""
    token = next(iter(_valid(digest=token_digest(secret), now=now)), None)
    if token is None:
        raise Unauthenticated("This token is unknown, has expired or was revoked.")
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


@prepared
def _valid(*, digest: str, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.valid(now).filter(digest=digest)
