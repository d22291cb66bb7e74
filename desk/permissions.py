"""Let in who may: staff, with their security key, in a role that allows the action."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from config.access import staff_required
from config.models import User
from desk.models import live_roles
from desk.roles import ALLOWED, Action, Role, who_may

_P = ParamSpec("_P")
_View = Callable[Concatenate[HttpRequest, _P], HttpResponseBase]


def roles_of(user: User) -> frozenset[Role]:
    """The roles of somebody who signed in; a superuser has them all."""
    return frozenset(Role) if user.is_superuser else live_roles(user_id=user.pk)


def may(roles: frozenset[Role], action: Action) -> bool:
    return bool(roles & ALLOWED[action])


def allowed(action: Action) -> Callable[[_View[_P]], _View[_P]]:
    """Only for those whose role allows the action; others get 403 and learn which role does.

    The request then has `roles`, for templates that offer only what somebody may do.
    """

    def decorate(view: _View[_P]) -> _View[_P]:
        @wraps(view)
        def gate(request: HttpRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
            roles = roles_of(cast(User, request.user))
            if not may(roles, action):
                context = {"action": action.label, "who_may": who_may(action)}
                return render(request, "desk/not_allowed.html", context, status=403)
            request.roles = roles  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        return staff_required(cast(_View[_P], gate))

    return decorate


def staff_actor(request: HttpRequest) -> str:
    """Who acts, as ledgers and events name them."""
    return f"staff:{request.user.get_username()}"
