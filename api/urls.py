"""The API: its routers, and its URLs behind a guard."""

from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.urls import URLPattern, URLResolver, include, path, re_path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from api import idempotency
from api.campaigns.router import router as campaigns
from api.claims.router import router as claims
from api.docs import Docs, complete_openapi
from api.error_responses import failed, not_found_problem, register_error_handlers
from api.errors import BodyTooLarge
from api.inventory.router import router as inventory
from api.maintainers.router import router as maintainers
from api.me.router import router as me
from api.policies.router import router as policies
from api.problems import problem
from api.regions.router import router as regions
from api.reports.router import router as reports
from api.reports.router import stats
from api.roster.router import router as roster
from api.shipments.router import manifests
from api.shipments.router import router as shipments
from common import clock


class KeydeskAPI(NinjaAPI):
    """django-ninja's API with a complete OpenAPI document."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, object] | None = None
    ) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        return complete_openapi(document)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """`api_routers_claims_cancel`, from the package and the name of the URL.

        Generated clients name their functions by it, so it must not change when our functions and modules do.
        """
        noun = operation.view_func.__module__.split(".")[1]
        name = getattr(operation, "url_name", operation.view_func.__name__)
        return f"api_routers_{noun}_{name}"


api = KeydeskAPI(
    title="Keydesk",
    version="1",
    description="Claims for hardware security keys, their stock and shipments, and reports on their use.",
    urls_namespace="api-v1",
    docs=Docs(),
)
api.add_router("/campaigns", campaigns)
api.add_router("/regions", regions)
api.add_router("/claims", claims)
api.add_router("/maintainers", maintainers)
api.add_router("/me", me)
api.add_router("/inventory", inventory)
api.add_router("/shipments", shipments)
api.add_router("/manifests", manifests)
api.add_router("/roster", roster)
api.add_router("/policies", policies)
api.add_router("/stats", stats)
api.add_router("/reports", reports)
register_error_handlers(api)

View = Callable[..., HttpResponse]


def guard(view: View) -> View:
    """Limit the body size, store responses by Idempotency-Key, turn every error into a problem document."""

    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            request.body  # noqa: B018 - read first, so that a body over the limit is refused before anything else
        except RequestDataTooBig:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return problem(BodyTooLarge.code, str(BodyTooLarge(limit)))
        except UnreadablePostError:
            return problem("invalid", "The request body ended early.")
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = not_found_problem(request)
        except Exception as error:
            response = failed(request, error)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response.headers["Allow"]
            response = problem(
                "method_not_allowed", f"Allowed methods: {allowed}.", headers={"Allow": allowed}
            )
        ticket = getattr(request, "ticket", None)
        if ticket is not None:
            idempotency.store_answer(ticket, response, now=clock.now())
        return response

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # tokens need no CSRF token; `Session` checks it itself
    return guarded


def _guarded(patterns: Iterable[URLPattern | URLResolver]) -> list[URLPattern]:
    guarded = []
    for pattern in patterns:
        assert isinstance(pattern, URLPattern), "django-ninja lists its operations flat"
        guarded.append(
            URLPattern(pattern.pattern, guard(pattern.callback), pattern.default_args, pattern.name)
        )
    return guarded


_patterns, _app_name, _namespace = api.urls

urlpatterns = [
    path("", include((_guarded(_patterns), _app_name), namespace=_namespace)),
    # Vendors sign their webhooks; neither tokens nor rate limits apply.
    path("webhooks/", include("fulfillment.tracking.urls")),
    re_path(r"", guard(not_found_problem)),
]
