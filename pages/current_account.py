"""The signed-in person's roster account."""

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from config.models import User
from fulfillment.claims.models import Claim
from roster.models import Account


def roster_account(request: HttpRequest) -> Account | None:
    """The maintainer who is signed in; staff have no account on the roster."""
    return request.user.account if isinstance(request.user, User) else None


def claimant_actor(account: Account) -> str:
    """The actor recorded for a maintainer's own actions."""
    return f"maintainer:{account.pk}"


def own_claim(request: HttpRequest, code: str) -> Claim:
    """The person's own claim. Other people's claims are not found.

    Raises: Http404.
    """
    account = roster_account(request)
    if account is None or "\x00" in code:
        raise Http404
    claims = Claim.objects.of(account.pk).select_related("campaign", "account")
    return get_object_or_404(claims, code=code)
