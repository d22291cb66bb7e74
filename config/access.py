"""Access to the staff's pages (decision 0113)."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

_P = ParamSpec("_P")
_View = Callable[Concatenate[HttpRequest, _P], HttpResponseBase]


def staff_required(view: _View[_P]) -> _View[_P]:
    """Admit staff only and, if the settings require it, only with a security key used in this session.

    Visitors who are not signed in are redirected to sign in; others than staff get 403; staff without a
    security key are redirected to add one, and staff who have not used theirs to use it. All redirects
    lead back to the page.
    """

    @wraps(view)
    def gate(request: HttpRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise PermissionDenied("This page is for staff.")
        if settings.STAFF_SECURITY_KEY_REQUIRED and not used_security_key(request):
            return _to_security_key(request)
        return view(request, *args, **kwargs)

    return cast(_View[_P], gate)  # the decorator names its first argument, the type does not


def used_security_key(request: HttpRequest) -> bool:
    """Whether this session was opened, or confirmed since, with a security key its user still has."""
    used = [
        record.get("id")
        for record in get_authentication_records(request, request.user)
        if record.get("method") == "mfa" and record.get("type") == Authenticator.Type.WEBAUTHN
    ]
    return bool(used) and _security_keys(request).filter(pk__in=used).exists()


def _to_security_key(request: HttpRequest) -> HttpResponseRedirect:
    page = "mfa_reauthenticate_webauthn" if _security_keys(request).exists() else "mfa_add_webauthn"
    back = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
    return HttpResponseRedirect(f"{reverse(page)}?{back}")


def _security_keys(request: HttpRequest):  # type: ignore[no-untyped-def]  # allauth is not typed
    return Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.WEBAUTHN)
