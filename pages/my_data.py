"""My data: personal data and access log, export, erasure, phrase, language and opting out."""

import json

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import check_for_language, get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language

from common import clock
from common.errors import BadRequest
from config.models import User
from fulfillment.notices.models import Recipient
from fulfillment.notices.recipients import (
    LONGEST_PHRASE,
    choose_language,
    choose_phrase,
    is_unreachable,
)
from fulfillment.notices.secrets import account_of_link
from fulfillment.notices.services import withdraw_unsolicited
from fulfillment.privacy import erasure
from fulfillment.privacy.data_inventory import ALL_SECTIONS
from fulfillment.privacy.export import (
    AccessLogEntry,
    access_log,
    claim_codes,
    everything_about,
    held_addresses,
)
from roster.models import Account
from roster.services.preferences import allow_contact, do_not_contact, opt_in, opt_out


def _account(request: HttpRequest) -> Account:
    """Raises: PermissionDenied: signed in, but not as a maintainer."""
    account = request.user.account if isinstance(request.user, User) else None
    if account is None:
        raise PermissionDenied(_("This sign-in has no account on the index."))
    return account


@never_cache
@login_required
@require_safe
def my_data_page(request: HttpRequest) -> HttpResponse:
    return _show(request, _account(request))


def _show(
    request: HttpRequest, account: Account, *, typed: str | None = None, error: str = "", status: int = 200
) -> HttpResponse:
    codes = claim_codes(account)
    recipient = Recipient.objects.filter(account=account).first()
    return render(
        request,
        "pages/my_data.html",
        {
            "account": account,
            "sections": ALL_SECTIONS,
            "addresses": held_addresses(codes),
            "openings": [_told(opening) for opening in access_log(codes)],
            "phrase": typed if typed is not None else (recipient.phrase if recipient else ""),
            "phrase_error": error,
            "longest_phrase": LONGEST_PHRASE,
            "is_unreachable": is_unreachable(recipient, account.email),
        },
        status=status,
    )


def _told(opening: AccessLogEntry) -> dict[str, object]:
    """An opening of an address, for display."""
    who = {"you": _("You"), "staff": _("Staff"), "system": _("The shipping program")}
    purposes = {
        "label": _("to buy or print the label"),
        "packing": _("to pack the parcel"),
        "claimant": _("to show it to you"),
        "support": _("to help you"),
    }
    kinds = {"address": _("address"), "label": _("shipping label")}
    return {
        **opening,
        "who": who[opening["who"]],
        "purpose": purposes.get(opening["purpose"], opening["purpose"]),
        "what": kinds.get(opening["what"], opening["what"]),
    }


@never_cache
@login_required
@require_safe
def export_page(request: HttpRequest) -> HttpResponse:
    """Export all data as one readable JSON file. Opens the addresses, and logs that."""
    account = _account(request)
    document = everything_about(account, now=clock.now())
    answer = HttpResponse(
        json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n",
        content_type="application/json; charset=utf-8",
    )
    answer.headers["Content-Disposition"] = 'attachment; filename="keydesk-my-data.json"'
    return answer


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def erase_page(request: HttpRequest) -> HttpResponse:
    """Erase the data after confirmation; a GET shows what is kept and changes nothing."""
    account = _account(request)
    if request.method != "POST":
        return render(
            request,
            "pages/erase.html",
            {"goes": erasure.data_erased(), "stays": erasure.data_retained()},
        )
    erased = erasure.erase(account=account, now=clock.now())
    logout(request)
    return render(request, "pages/erased.html", {"erased": erased, "stays": erased.stays})


@login_required
@require_POST
def phrase(request: HttpRequest) -> HttpResponse:
    """Set the phrase that every email shows."""
    account = _account(request)
    typed = request.POST.get("phrase", "")
    try:
        chosen = choose_phrase(account_id=account.pk, phrase=typed)
    except BadRequest as error:
        return _show(request, account, typed=typed, error=error.errors[0].message, status=422)
    if chosen:
        messages.success(request, _("From now on every email from us shows your phrase."))
    else:
        messages.success(request, _("Our emails no longer show a phrase."))
    return redirect("my_data:page")


@login_required
@require_POST
def contact(request: HttpRequest) -> HttpResponse:
    """Leave the programme, or rejoin it."""
    account, now = _account(request), clock.now()
    if request.POST.get("wanted") == "no":
        _leave_out(account)
        messages.success(request, _("We will not email you any more, except about an existing claim."))
    elif request.POST.get("wanted") == "yes":
        actor = f"maintainer:{account.pk}"
        opt_in(account=account, actor=actor, now=now)
        allow_contact(account=account, actor=actor, now=now)
        messages.success(request, _("Welcome back: you can take part again."))
    return redirect("my_data:page")


def _leave_out(account: Account) -> None:
    """Opt out: no claim and no invitation; parcels not yet sent are kept here."""
    now, actor = clock.now(), f"maintainer:{account.pk}"
    opt_out(account=account, actor=actor, now=now)
    do_not_contact(account=account, actor=actor, now=now)
    withdraw_unsolicited(account_id=account.pk, now=now)


# The signed link is the authorisation: email programs post to it without a cookie (RFC 8058).
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decline_invitations(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe by the link in an invitation, without signing in. A GET asks for confirmation."""
    account_id = account_of_link(token)
    if account_id is None:
        raise Http404
    account = get_object_or_404(Account, pk=account_id)
    if request.method == "POST":
        _leave_out(account)
    return render(request, "pages/no_thanks.html", {"is_done": request.method == "POST"})


# No CSRF token, because it would need a cookie; forging a language change is harmless.
@csrf_exempt
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Set the language of the pages and, if signed in, of emails."""
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and request.user.account_id and check_for_language(chosen):
        choose_language(account_id=request.user.account_id, language=chosen or get_language() or "en")
    return set_language(request)
