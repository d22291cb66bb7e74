"""Error responses as EasyPost sends them: `{"error": {"code", "message", "errors"}}`.

Codes, statuses and messages are the recorded ones where a recording exists; the codes that EasyPost
documents without a recorded answer are marked "documented".
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.vendor_json import Json


class EasyPostError(Exception):
    """An error that becomes the response."""

    def __init__(self, status: int, code: str, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = list(errors)

    def to_json(self) -> Json:
        return {"error": {"code": self.code, "message": self.message, "errors": self.errors}}


def resource_not_found() -> EasyPostError:
    return EasyPostError(404, "NOT_FOUND", "The requested resource could not be found.")


def uninsured() -> EasyPostError:
    # Recorded with a bare text among the errors, which no other refusal has.
    return EasyPostError(
        404,
        "NOT_FOUND",
        "The requested resource could not be found.",
        ["No eligible insurance found with provided tracking code."],
    )


def no_api_key() -> EasyPostError:
    # Documented as 401; no recording has this case.
    return EasyPostError(
        401, "UNAUTHORIZED", "No API key was given. Send it as a bearer token or by basic auth."
    )


def inactive_key() -> EasyPostError:
    return EasyPostError(
        403,
        "APIKEY.INACTIVE",
        "This api key is no longer active. Please use a different api key or reactivate this key.",
    )


def bad_request(message: str) -> EasyPostError:
    return EasyPostError(400, "BAD_REQUEST", message)


def required(field: str) -> EasyPostError:
    return EasyPostError(
        422,
        "PARAMETER.REQUIRED",
        "Missing required parameter.",
        [{"field": field, "message": "cannot be blank"}],
    )


def wrong_type(prefix: str) -> EasyPostError:
    return EasyPostError(
        422,
        "PARAMETER.INVALID_TYPE",
        "Wrong parameter type.",
        [{"field": "id", "message": f"expected a {prefix} ID"}],
    )


def invalid_shipment(errors: Sequence[object]) -> EasyPostError:
    message = "Unable to create shipment, one or more parameters were invalid."
    return EasyPostError(422, "SHIPMENT.INVALID_PARAMS", message, errors)


def unverifiable(errors: list[Json]) -> EasyPostError:
    return EasyPostError(422, "ADDRESS.VERIFY.FAILURE", "Unable to verify address.", errors)


def postage_exists() -> EasyPostError:
    # Documented; the status is assumed, and so are those of the next five.
    return EasyPostError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")


def purchase_in_progress() -> EasyPostError:
    message = "A purchase of this shipment is already in progress."
    return EasyPostError(422, "SHIPMENT.PURCHASE.IN_PROGRESS", message)


def missing_rate() -> EasyPostError:
    message = "The rate given does not belong to this shipment or is no longer offered."
    return EasyPostError(422, "SHIPMENT.MISSING_RATE", message)


def postage_refused(message: str) -> EasyPostError:
    return EasyPostError(422, "SHIPMENT.POSTAGE.FAILURE", message)


def not_latin(field: str) -> EasyPostError:
    message = f"{field} contains characters that the carrier cannot print."
    return EasyPostError(422, "SHIPMENT.POSTAGE.ASCII", message, [{"field": field, "message": "not Latin"}])


def payment_required() -> EasyPostError:
    return EasyPostError(402, "PAYMENT_REQUIRED", "Insufficient funds in your wallet. Add funds to continue.")


def postage_required() -> EasyPostError:
    message = "Postage is required to complete this operation."
    return EasyPostError(422, "SHIPMENT.POSTAGE.REQUIRED", message)


def refund_unavailable() -> EasyPostError:
    message = "Unable to request refund for shipment without a postage label."
    return EasyPostError(422, "SHIPMENT.REFUND.UNAVAILABLE", message)
