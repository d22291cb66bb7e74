"""Sign-in by a code to the roster's mail address (decision 0113).

A maintainer's sign-in is created when they first ask for a code, so that people who never come have none.
The answer is the same for an unknown address.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import EmailAddress, Login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext

from common import clock
from config.models import User
from fulfillment.notices.recipients import choose_language
from fulfillment.notices.services import queue_code
from roster.models import Account


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth is not typed
    """The library's backend, which also loads the roster account that every maintainer's page needs."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("account").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """No sign-up: only maintainers on the roster and staff can sign in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue a maintainer's code as a notice, so that no request waits for a mail server.

        The answer then takes the same time for an address that is not on the roster.
        """
        account = Account.objects.with_address(email).first() if "code" in context else None
        if account is None:
            super().send_mail(template_prefix, email, context)
            return
        language = get_language()
        if language:
            choose_language(account_id=account.pk, language=language, only_first=True)
        queue_code(account_id=account.pk, code=context["code"], now=clock.now())


class IndexAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Sign-in through the index: its `preferred_username` is the roster's account name.

    No other data of the index is stored, nor that this way of signing in was used.
    """

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        claims = sociallogin.account.extra_data
        claims = claims.get("userinfo") or claims.get("id_token") or claims
        username = str(claims.get("preferred_username") or "")
        is_a_name = bool(username) and "\x00" not in username
        account = Account.objects.named(username).first() if is_a_name else None
        if account is None:
            messages.error(request, gettext("The index signed you in, but your account is not on our list."))
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        user = sign_in_of(account)
        if not user.is_active or user.is_staff:
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        raise ImmediateHttpResponse(
            perform_login(request, Login(user=user, redirect_url=sociallogin.get_redirect_url(request)))
        )

    def on_authentication_error(self, request: HttpRequest, *args: object, **kwargs: object) -> None:
        messages.error(
            request, gettext("Signing in through the index did not work. Try again, or use a code by email.")
        )
        raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False


class RequestCodeForm(RequestLoginCodeForm):  # type: ignore[misc]  # allauth is not typed
    """Form for the address; also accepts maintainers who have not signed in before."""

    def clean_email(self) -> Any:
        address = self.cleaned_data.get("email") or ""
        if address:
            _make_sign_in_for_maintainer(address)
        return super().clean_email()


@transaction.atomic
def _make_sign_in_for_maintainer(address: str) -> None:
    """Create a sign-in for the maintainer with this roster address, unless they have one.

    An address shared by several accounts is refused, because it is ambiguous.
    """
    accounts = list(Account.objects.filter(email__iexact=address, user__isnull=True)[:2])
    if len(accounts) != 1 or Account.objects.filter(email__iexact=address).count() != 1:
        return
    if User.objects.filter(email__iexact=address).exists():
        return
    sign_in_of(accounts[0])


def sign_in_of(account: Account) -> User:
    """The maintainer's sign-in, created if needed."""
    user, made = User.objects.get_or_create(
        account=account, defaults={"username": f"maintainer:{account.username}"[:150], "email": account.email}
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        if account.email:
            EmailAddress.objects.create(user=user, email=account.email, primary=True, verified=True)
    return user
