"""Errors of authentication, rate limits, idempotency and request size."""

from common.errors import KeydeskError


class ApiRequestError(KeydeskError):
    code = "api"


class Unauthenticated(ApiRequestError):
    """No token, or an unknown, expired or revoked one."""

    code = "unauthenticated"


class CsrfFailed(ApiRequestError):
    code = "csrf_failed"

    def __init__(self) -> None:
        super().__init__("Send the site's CSRF token in the X-CSRFToken header.")


class MissingScope(ApiRequestError):
    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This token does not have the scope {scope}.")


class NotAMaintainer(ApiRequestError):
    """A signed-in user without an account on the roster."""

    code = "not_a_maintainer"

    def __init__(self) -> None:
        super().__init__("The signed-in user has no account on the roster.")


class TooManyRequests(ApiRequestError):
    code = "too_many_requests"

    def __init__(self, *, retry_after_s: int, limit: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"More than {limit} calls in a minute. Try again in {retry_after_s} seconds.")


class BadIdempotencyKey(ApiRequestError):
    code = "bad_idempotency_key"

    def __init__(self) -> None:
        super().__init__("An Idempotency-Key must have 1 to 255 printable ASCII characters.")


class IdempotencyKeyReused(ApiRequestError):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request. Use a new key for each new request."
        )


class IdempotencyInProgress(ApiRequestError):
    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being processed. Try again shortly."
        )


class BodyTooLarge(ApiRequestError):
    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"A request body may have up to {limit_bytes:,} bytes.")
