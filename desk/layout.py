"""Layout of every desk page: navigation and permissions."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from desk.navigation import SECTIONS
from desk.permissions import may
from desk.roles import Action


def desk_page(
    request: HttpRequest, template: str, context: Mapping[str, object] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a page with the sections and actions that the user's roles allow.

    Templates use `{% if "pack" in may %}`, with the names of `roles.Action`.
    """
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    allowed = {action for action in Action if may(roles, action)}
    frame = {
        "may": {action.value for action in allowed},
        "sections": [section for section in SECTIONS if section.action in allowed],
        "current": request.resolver_match.view_name if request.resolver_match else "",
    }
    return render(request, template, {**frame, **(context or {})}, status=status)
