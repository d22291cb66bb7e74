"""What the door can refuse before any room is asked."""

from common.errors import KeydeskError


class ApiRequestError(KeydeskError):
    code = "api"


class Unauthenticated(ApiRequestError):
    """No token, or one that does not count (any more)."""

    code = "unauthenticated"


class CsrfFailed(ApiRequestError):
    code = "csrf_failed"

    def __init__(self) -> None:
        super().__init__("Send the site's CSRF token in the header X-CSRFToken.")


class MissingScope(ApiRequestError):
    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This token lacks the scope {scope}.")


class NotAMaintainer(ApiRequestError):
    """Somebody signed in who has no account on the roster."""

    code = "not_a_maintainer"

    def __init__(self) -> None:
        super().__init__("This sign-in has no account on the roster.")


class TooManyRequests(ApiRequestError):
    code = "too_many_requests"

    def __init__(self, *, retry_after_s: int, limit: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"More than {limit} calls in a minute. Call again in {retry_after_s} seconds.")


class BadIdempotencyKey(ApiRequestError):
    code = "bad_idempotency_key"

    def __init__(self) -> None:
        super().__init__("An Idempotency-Key has 1 to 255 printable ASCII characters.")


class IdempotencyKeyReused(ApiRequestError):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came with another request before. Use a new key for a new request."
        )


class IdempotencyInProgress(ApiRequestError):
    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being worked. Ask again shortly."
        )


class BodyTooLarge(ApiRequestError):
    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"A request body holds up to {limit_bytes:,} bytes.")
