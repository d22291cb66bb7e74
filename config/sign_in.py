"""Sign-in by a code to the roster's mail address (decision 13).

A maintainer's sign-in is made when they first ask for a code, so that nobody who never comes has one.
The answer is the same for an address nobody knows.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.models import EmailAddress
from django.db import transaction
from django.http import HttpRequest

from config.models import User
from roster.models import Account


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Nobody signs up: who may sign in is on the roster or was made staff."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class RequestCodeForm(RequestLoginCodeForm):  # type: ignore[misc]  # allauth is not typed
    """Asks for the address; knows the maintainers who never signed in before."""

    def clean_email(self) -> Any:
        address = self.cleaned_data.get("email") or ""
        if address:
            _make_sign_in_for_maintainer(address)
        return super().clean_email()


@transaction.atomic
def _make_sign_in_for_maintainer(address: str) -> None:
    """Give the maintainer behind a roster address a sign-in, unless they have one.

    An address that several accounts share signs nobody in: which of them would it be?
    """
    accounts = list(Account.objects.filter(email__iexact=address, user__isnull=True)[:2])
    if len(accounts) != 1 or Account.objects.filter(email__iexact=address).count() != 1:
        return
    if User.objects.filter(email__iexact=address).exists():
        return
    account = accounts[0]
    user, made = User.objects.get_or_create(
        account=account, defaults={"username": f"maintainer:{account.username}"[:150], "email": account.email}
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        EmailAddress.objects.create(user=user, email=account.email, primary=True, verified=True)
