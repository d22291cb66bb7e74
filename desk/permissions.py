"""Access control: staff, signed in with a security key, in a role that allows the action."""

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
    """The roles of a signed-in user; a superuser has all."""
    return frozenset(Role) if user.is_superuser else live_roles(user_id=user.pk)


def may(roles: frozenset[Role], action: Action) -> bool:
    return bool(roles & ALLOWED[action])


def allowed(action: Action) -> Callable[[_View[_P]], _View[_P]]:
    """Require a role that allows the action; others get 403 with the roles that do.

    Sets `request.roles`, so that templates offer only permitted actions.
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
    """The actor's name in ledger and events."""
    return f"staff:{request.user.get_username()}"
