"""The problem document for each error, registered with the API."""

import logging
import traceback
from collections.abc import Mapping

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from api.errors import TooManyRequests, Unauthenticated
from api.idempotency import REPLAYED, Replay
from api.problems import CODES, problem
from api.validation_errors import field_error
from common.errors import BadRequest, FieldError, KeydeskError
from fulfillment.cases.errors import CaseError
from fulfillment.claims.errors import AlreadyClaimed, ClaimsError, Ineligible
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.errors import ShippingError
from fulfillment.vault.errors import VaultError
from inventory.errors import InventoryError
from roster.errors import RosterError

logger = logging.getLogger("keydesk.api")

# Status of an error whose own code is not in `problems.CODES`, by its base class.
BASE_CLASS_STATUS: Mapping[type[KeydeskError], int] = {
    ClaimsError: 409,
    CaseError: 409,
    InventoryError: 409,
    RosterError: 409,
    ShippingError: 409,
    GatewayError: 502,
    VaultError: 410,
    KeydeskError: 400,
}


def _keydesk_error(request: HttpRequest, error: KeydeskError) -> HttpResponse:
    status = None
    if error.code not in CODES:
        status = next(status for base, status in BASE_CLASS_STATUS.items() if isinstance(error, base))
    return problem(error.code, str(error), status=status)


def _bad_request(request: HttpRequest, error: BadRequest) -> HttpResponse:
    return problem("invalid", "Nothing was changed. `errors` lists every invalid field.", errors=error.errors)


def _ineligible(request: HttpRequest, error: Ineligible) -> HttpResponse:
    return problem(error.code, str(error), decision=error.decision.as_document())


def _already_claimed(request: HttpRequest, error: AlreadyClaimed) -> HttpResponse:
    return problem(error.code, str(error), claim=error.claim_code)


def _unauthenticated(request: HttpRequest, error: Unauthenticated) -> HttpResponse:
    return problem(error.code, str(error), headers={"WWW-Authenticate": 'Bearer realm="keydesk"'})


def _too_many_requests(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    return problem(error.code, str(error), headers={"Retry-After": str(error.retry_after_s)})


def _invalid_request(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Invalid parameters or fields. An invalid path parameter means 404, as nothing has such a name."""
    if any(found["loc"][0] == "path" for found in error.errors):
        return not_found_problem(request)
    # Locations are ("body", argument, field, …), but ("query", field, …).
    errors = [
        field_error(found["loc"][2 if found["loc"][0] == "body" else 1 :], found["type"], found["msg"])
        for found in error.errors
    ]
    return _bad_request(request, BadRequest(errors))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    assert error.status_code == 400, "django-ninja itself raises only 400, for an unreadable body"
    return _bad_request(
        request, BadRequest([FieldError("body", "not_json", "The body must be a JSON document.")])
    )


def _replay(request: HttpRequest, answer: Replay) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers | {REPLAYED: "true"})


def not_found_problem(request: HttpRequest, error: Exception | None = None) -> HttpResponse:
    return problem("not_found", "Nothing exists at this address.")


def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """An unexpected error. Only its type and place are logged: its message may quote personal data."""
    place = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    logger.error("%s %s failed: %s\n%s", request.method, _route(request), type(error).__qualname__, place)
    return problem(
        "internal_error",
        "The error was logged. Send the request again with the same Idempotency-Key.",
    )


def _route(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else "/api/v1"


def register_error_handlers(api: NinjaAPI) -> None:
    """Answer every error with a problem document."""
    for kind, handler in (
        (KeydeskError, _keydesk_error),
        (BadRequest, _bad_request),
        (Ineligible, _ineligible),
        (AlreadyClaimed, _already_claimed),
        (Unauthenticated, _unauthenticated),
        (TooManyRequests, _too_many_requests),
        (ValidationError, _invalid_request),
        (HttpError, _http_error),
        (Replay, _replay),
        (Http404, not_found_problem),
        (Exception, failed),
    ):
        api.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # each handler takes its own kind
