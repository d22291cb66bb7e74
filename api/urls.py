"""URLs of the API, each behind a guard."""

from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.urls import URLPattern, URLResolver, include, path, re_path

from api import idempotency
from api.errors import BodyTooLarge
from api.main import api, failed, not_found_problem
from api.problems import problem
from common import clock

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
