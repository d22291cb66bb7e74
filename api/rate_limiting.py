"""How often one caller may call, counted in the database so that it holds across machines."""

from datetime import UTC, datetime
from math import ceil

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from api.errors import TooManyRequests

WINDOW_S = 60
# A minute's calls. An index that pushes a wave of thousands of claims stays under the first; a person
# behind a shared address who reloads a page all the time stays under the second.
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
    """A caller without a token, by network address; kept as a keyed hash, for addresses are personal data."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        # Behind the deployment's own proxy, which appends the address it saw; what stands before is hearsay.
        address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
    return "net:" + salted_hmac("api.rate_limiting", address, algorithm="sha256").hexdigest()[:32]
