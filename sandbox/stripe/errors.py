"""Stripe's error answers."""

from __future__ import annotations

from sandbox.vendor_json import Json


class StripeError(Exception):
    """An answer with an error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.code, self.param = status, message, kind, code, param

    def to_json(self) -> Json:
        error: Json = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    return StripeError(400, message, param=param, code=code)


def no_such(what: str, object_id: str) -> StripeError:
    return StripeError(404, f"No such {what}: '{object_id}'", code="resource_missing", param="id")


def bad_key() -> StripeError:
    return StripeError(401, "Invalid API Key provided")


def in_use() -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )


def other_parameters() -> StripeError:
    return StripeError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first used with.",
        kind="idempotency_error",
    )
