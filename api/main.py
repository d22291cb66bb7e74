"""The API itself: routers mounted, every error of every room mapped to a problem document."""

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from api import errors as door
from api.campaigns import router
from api.claims import router as claims
from api.docs import Docs, complete_openapi
from api.idempotency import REPLAYED, Replay
from api.inventory import router as inventory
from api.maintainers import router as maintainers
from api.me import router as me
from api.policies import router as policies
from api.problems import CODES, problem
from api.regions import router as regions
from api.reports import router as reports
from api.roster import router as roster
from api.shipments import router as shipments
from api.validation_errors import field_errors
from common.errors import BadRequest, FieldError, KeydeskError
from fulfillment.cases.errors import CaseError
from fulfillment.claims.errors import AlreadyClaimed, ClaimsError, Ineligible
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.errors import ShippingError
from fulfillment.vault.errors import VaultError
from inventory.errors import InventoryError
from roster.errors import RosterError

logger = logging.getLogger("keydesk.api")

# What a refusal means when its own code is not in `problems.CODES`: one status for each room.
ROOM_STATUS: Mapping[type[KeydeskError], int] = {
    ClaimsError: 409,
    CaseError: 409,
    InventoryError: 409,
    RosterError: 409,
    ShippingError: 409,
    GatewayError: 502,
    VaultError: 410,
    KeydeskError: 400,
}


class KeydeskAPI(NinjaAPI):
    """django-ninja's API with what it leaves out of the OpenAPI document."""

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        return complete_openapi(super().get_openapi_schema(**kwargs))


api = KeydeskAPI(
    title="Keydesk",
    version="1",
    description="Claims for hardware security keys, where the keys are, and what became of them.",
    urls_namespace="api-v1",
    docs=Docs(),
)
api.add_router("/campaigns", router.router)
api.add_router("/regions", regions.router)
api.add_router("/claims", claims.router)
api.add_router("/maintainers", maintainers.router)
api.add_router("/me", me.router)
api.add_router("/inventory", inventory.router)
api.add_router("/shipments", shipments.router)
api.add_router("/manifests", shipments.manifests)
api.add_router("/roster", roster.router)
api.add_router("/policies", policies.router)
api.add_router("/stats", reports.stats)
api.add_router("/reports", reports.router)


def _refused(request: HttpRequest, error: KeydeskError) -> HttpResponse:
    status = None
    if error.code not in CODES:
        status = next(status for room, status in ROOM_STATUS.items() if isinstance(error, room))
    return problem(error.code, str(error), status=status)


def _bad_request(request: HttpRequest, error: BadRequest) -> HttpResponse:
    return problem("invalid", "Nothing was changed; `errors` names every bad field.", errors=error.errors)


def _ineligible(request: HttpRequest, error: Ineligible) -> HttpResponse:
    return problem(error.code, str(error), decision=error.decision.as_document())


def _already_claimed(request: HttpRequest, error: AlreadyClaimed) -> HttpResponse:
    return problem(error.code, str(error), claim=error.claim_code)


def _unauthenticated(request: HttpRequest, error: door.Unauthenticated) -> HttpResponse:
    return problem(error.code, str(error), headers={"WWW-Authenticate": 'Bearer realm="keydesk"'})


def _too_many(request: HttpRequest, error: door.TooManyRequests) -> HttpResponse:
    return problem(error.code, str(error), headers={"Retry-After": str(error.retry_after_s)})


def _unknown_in_path(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Fields that cannot be read; a path that cannot name anything names nothing."""
    if any(found["loc"][0] == "path" for found in error.errors):
        return not_found_problem(request)
    listed = []
    for found in error.errors:
        # ("body", argument, field, …), but ("query", field, …).
        listed += field_errors([found], skip=2 if found["loc"][0] == "body" else 1)
    return _bad_request(request, BadRequest(listed))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    assert error.status_code == 400, "the only one left to django-ninja is an unreadable body"
    return _bad_request(
        request, BadRequest([FieldError("body", "not_json", "The body must be a JSON document.")])
    )


def _replay(request: HttpRequest, answer: Replay) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers | {REPLAYED: "true"})


def not_found_problem(request: HttpRequest, error: Exception | None = None) -> HttpResponse:
    return problem("not_found", "There is nothing at this address.")


def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """What nobody foresaw. Logged by type and place only: messages of exceptions may quote what was sent."""
    place = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    logger.error("%s %s failed: %s\n%s", request.method, _route(request), type(error).__qualname__, place)
    return problem(
        "internal_error",
        "It was recorded and will be looked at. Send it again with the same Idempotency-Key.",
    )


def _route(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else "/api/v1"


for kind, handler in (
    (KeydeskError, _refused),
    (BadRequest, _bad_request),
    (Ineligible, _ineligible),
    (AlreadyClaimed, _already_claimed),
    (door.Unauthenticated, _unauthenticated),
    (door.TooManyRequests, _too_many),
    (ValidationError, _unknown_in_path),
    (HttpError, _http_error),
    (Replay, _replay),
    (Http404, not_found_problem),
    (Exception, failed),
):
    api.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # each handler takes its own kind
