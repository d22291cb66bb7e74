"""Where the API stands, and the guard round all of it."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.urls import URLPattern, include, path, re_path

from api import idempotency
from api.errors import BodyTooLarge
from api.main import api, failed, not_found_problem
from api.problems import problem
from common import clock

View = Callable[..., HttpResponse]


def guard(view: View) -> View:
    """Bound the body, keep the answer of a POST with a key, and let nothing out but problem documents."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            request.body  # noqa: B018 - read here, so that a body over the limit is refused before anything else
        except RequestDataTooBig:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return problem(BodyTooLarge.code, str(BodyTooLarge(limit)))
        except UnreadablePostError:
            return problem("invalid", "The body broke off.")
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = not_found_problem(request)
        except Exception as error:
            response = failed(request, error)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response.headers["Allow"]
            response = problem("method_not_allowed", f"Allowed here: {allowed}.", headers={"Allow": allowed})
        ticket = cast(Any, getattr(request, "ticket", None))
        if ticket is not None:
            idempotency.store_answer(ticket, response, now=clock.now())
        return response

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # tokens need none; `door.Session` checks it itself
    return guarded


def _guarded(patterns: list[Any]) -> list[URLPattern]:
    return [
        URLPattern(pattern.pattern, guard(pattern.callback), pattern.default_args, pattern.name)
        for pattern in patterns
    ]


_patterns, _app_name, _namespace = api.urls

urlpatterns = [
    path("", include((_guarded(_patterns), _app_name), namespace=_namespace)),
    # Vendors sign what they send; neither tokens nor limits apply to them.
    path("webhooks/", include("fulfillment.tracking.urls")),
    re_path(r"", guard(not_found_problem)),
]
