"""Rate limits for each caller, counted in the database so that they hold across machines."""

from datetime import UTC, datetime
from math import ceil

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from api.errors import TooManyRequests

WINDOW_S = 60
# Calls a minute. An index that creates thousands of claims in a batch stays under the first; a person behind
# a shared address who keeps reloading a page stays under the second.
PER_TOKEN = 6_000
PER_PERSON = 600
PER_ADDRESS = 600

_COUNT = """
    INSERT INTO api_callcount AS seen (caller, window_start, calls) VALUES (%(caller)s, %(window)s, 1)
    ON CONFLICT (caller) DO UPDATE
    SET calls = CASE WHEN seen.window_start = excluded.window_start THEN seen.calls + 1 ELSE 1 END,
        window_start = excluded.window_start
    RETURNING calls
"""


def count_call(*, caller: str, limit: int, now: datetime) -> None:
    """Count one call. Raises: TooManyRequests: more than `limit` in this fixed window of a minute."""
    since_epoch = now.timestamp()
    window = int(since_epoch // WINDOW_S) * WINDOW_S
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"caller": caller, "window": datetime.fromtimestamp(window, UTC)})
        (calls,) = cursor.fetchone()
    if calls > limit:
        raise TooManyRequests(retry_after_s=max(1, ceil(window + WINDOW_S - since_epoch)), limit=limit)


def anonymous_caller(request: HttpRequest) -> str:
    """A caller without a token, as a keyed hash of the network address, which is personal data."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        # The deployment's own proxy appends the address it saw; earlier entries can be forged.
        address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
    return "net:" + salted_hmac("api.rate_limiting", address, algorithm="sha256").hexdigest()[:32]
