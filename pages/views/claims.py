"""My claim: its state, the next steps and the available actions."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as text
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common import clock
from common.errors import BadRequest
from fulfillment.claims import timeline
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.errors import NoOffer, NotSent, TooLate
from fulfillment.claims.models import Claim, ClaimEvent, ClaimQuote, Region
from fulfillment.claims.region_lookup import country_region
from fulfillment.claims.rules import ARRIVING_STATES, CANCELLABLE_STATES, ClaimState
from fulfillment.claims.selectors import related_claims, waitlist_place
from fulfillment.claims.services.amendments_and_reviews import (
    cancel_claim,
    change_address,
    confirm_receipt,
)
from fulfillment.claims.services.waitlist import accept_offer
from fulfillment.notices.models import Notice
from fulfillment.payments.selectors import receipts_of
from fulfillment.postage.services.return_labels import print_return, return_labels_of
from fulfillment.shipments.errors import NoReturnLabel
from fulfillment.shipments.selectors import open_reports_of, parcels_of
from fulfillment.tracking.services.delivery_problems import report_delivery_problem
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_address
from inventory.models import KeyModel
from pages.current_account import claimant_actor, own_claim, roster_account
from pages.forms.problem_report import ProblemReportForm
from pages.views.addresses import ask_address

# States in which keys were sent and can be returned.
SENT_STATES = ARRIVING_STATES | {ClaimState.RETURNED}
# From a confirmed claim to the carrier's first scan.
PACKED_WITHIN = timedelta(days=3)


@never_cache
@login_required
@require_safe
def claim_status(request: HttpRequest, code: str) -> HttpResponse:
    """Show a claim: state, timeline, next steps and messages."""
    claim = own_claim(request, code)
    now = clock.now()
    events = list(claim.events.order_by("at", "id"))
    region = country_region(country=claim.country, now=now)
    parcels = parcels_of(claim)
    return render(
        request,
        "pages/claim/claim.html",
        {
            "claim": claim,
            "state": ClaimState(claim.state),
            "items": claim.items.select_related("key_model"),
            "country": localized_country_name(claim.country),
            "place": waitlist_place(claim),
            "others": related_claims(claim),
            "offer": claim.offered_until if claim.offered_until and claim.offered_until > now else None,
            "steps": timeline.claim_timeline(events),
            "next": timeline.next_step_text(claim, promised_days=region.promised_days if region else None),
            "has_gone_well": timeline.is_success(claim),
            "parcels": parcels,
            # Only claims with a price have a payment deadline.
            "receipts": receipts_of(claim) if claim.payment_due_at is not None else [],
            "expected_by": None if any(one.expected_on for one in parcels) else _expected_by(claim, region),
            "is_cancellable": _is_changeable(claim),
            "returns": return_labels_of(claim) if claim.state in SENT_STATES else [],
            "is_arriving": claim.state in ARRIVING_STATES,
            "is_received": any(event.name == ClaimEvent.Name.RECEIVED for event in events),
            "reports": open_reports_of(claim) if claim.state in ARRIVING_STATES else [],
            "notices": Notice.objects.filter(account_id=claim.account_id, claim_code=code).order_by(
                "created_at", "id"
            ),
        },
    )


@never_cache
@login_required
@require_safe
def claim_done(request: HttpRequest, code: str) -> HttpResponse:
    """Confirmation of a new claim, with the next steps and dates."""
    claim = own_claim(request, code)
    now = clock.now()
    region = country_region(country=claim.country, now=now)
    return render(
        request,
        "pages/claim/made.html",
        {
            "claim": claim,
            "state": ClaimState(claim.state),
            "items": claim.items.select_related("key_model"),
            "place": waitlist_place(claim),
            "others": related_claims(claim),
            "packed_by": now + PACKED_WITHIN,
            "expected_by": _expected_by(claim, region),
            "offer_days": claim.campaign.offer_days,
            "quote": ClaimQuote.objects.filter(claim=claim).first(),
        },
    )


def _expected_by(claim: Claim, region: Region | None) -> datetime | None:
    """The expected delivery date before a carrier gives one; None without a promise."""
    if region is None or claim.state not in (ClaimState.ACCEPTED, ClaimState.SHIPPED):
        return None
    return claim.updated_at + PACKED_WITHIN + timedelta(days=region.promised_days)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_claim_page(request: HttpRequest, code: str) -> HttpResponse:
    """Cancel a claim or decline an offer, after confirmation; a GET changes nothing."""
    claim = own_claim(request, code)
    if request.method == "POST":
        try:
            cancel_claim(code=code, actor=claimant_actor(claim.account), now=clock.now())
        except TooLate:
            messages.error(
                request, text("It is too late to cancel: the parcel is being packed, or the claim is closed.")
            )
        else:
            messages.success(request, text("Your claim is cancelled."))
        return redirect("claims:claim", code)
    if not _is_changeable(claim):
        return redirect("claims:claim", code)
    return render(request, "pages/claim/cancel.html", {"claim": claim})


@never_cache
@login_required
@require_POST
def accept(request: HttpRequest, code: str) -> HttpResponse:
    """Accept the offered keys."""
    claim = own_claim(request, code)
    try:
        accept_offer(code=code, actor=claimant_actor(claim.account), now=clock.now())
    except NoOffer:
        messages.error(
            request, text("The keys are no longer held for this claim. They went to the next in line.")
        )
        return redirect("claims:claim", code)
    return redirect("claims:made", code)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_claim_address(request: HttpRequest, code: str) -> HttpResponse:
    """Change the address within the country, until the label is bought."""
    claim = own_claim(request, code)
    if not _is_changeable(claim):
        messages.error(request, _too_late())
        return redirect("claims:claim", code)
    now, actor = clock.now(), claimant_actor(claim.account)

    def known() -> PostalAddress | None:
        try:
            return open_address(subject=code, purpose=Purpose.CLAIMANT, actor=actor, now=now)
        except Shredded:
            return None

    def keep(given: PostalAddress) -> HttpResponse:
        try:
            change_address(code=code, address=given, actor=actor, now=now)
        except TooLate:
            messages.error(request, _too_late())
        except BadRequest:
            messages.error(request, text("Nothing was changed: keys cannot be sent to this address."))
        else:
            messages.success(request, text("The parcel goes to the new address."))
        return redirect("claims:claim", code)

    def show(template: str, context: dict[str, object], status: int) -> HttpResponse:
        shared = {"claim": claim, "country": localized_country_name(claim.country)}
        return render(request, template, shared | context, status=status)

    return ask_address(
        request,
        country=claim.country,
        region=country_region(country=claim.country, now=now),
        now=now,
        known=known,
        keep=keep,
        show=show,
        template="pages/claim/address.html",
    )


def _too_late() -> str:
    return text("It is too late to change the address: the parcel is being packed, or the claim is closed.")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, code: str) -> HttpResponse:
    """Report a problem with the parcel."""
    claim = own_claim(request, code)
    form = ProblemReportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            is_news = report_delivery_problem(
                claim_code=code, trouble=form.chosen, actor=claimant_actor(claim.account), now=clock.now()
            )
        except NotSent:
            messages.error(request, text("There is no parcel to report a problem with."))
        else:
            messages.success(
                request,
                text("Thank you. We will look into it and email you.")
                if is_news
                else text("You have already reported this. We are looking into it."),
            )
        return redirect("claims:claim", code)
    if claim.state not in ARRIVING_STATES:
        return redirect("claims:claim", code)
    return render(
        request,
        "pages/claim/report.html",
        {"claim": claim, "form": form},
        status=422 if form.is_bound else 200,
    )


@never_cache
@login_required
@require_safe
def return_label(request: HttpRequest, code: str, parcel: str) -> HttpResponse:
    """Download the return label."""
    claim = own_claim(request, code)
    try:
        paper = print_return(claim=claim, parcel=parcel, actor=claimant_actor(claim.account), now=clock.now())
    except NoReturnLabel:
        messages.error(
            request,
            text("This return label is no longer valid. If you still have the keys, report a problem."),
        )
        return redirect("claims:claim", code)
    answer = HttpResponse(paper, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="return-{parcel}.pdf"'
    return answer


@never_cache
@login_required
@require_POST
def received(request: HttpRequest, code: str) -> HttpResponse:
    """Confirm that the keys have arrived."""
    claim = own_claim(request, code)
    try:
        confirm_receipt(code=code, actor=claimant_actor(claim.account), now=clock.now())
    except NotSent:
        messages.error(request, text("Your parcel has not been sent yet."))
        return redirect("claims:claim", code)
    messages.success(request, text("Thank you. Next, add the keys to your account."))
    return redirect("claims:enrol", code)


@never_cache
@login_required
@require_safe
def enrol(request: HttpRequest, code: str) -> HttpResponse:
    """Instructions to add each key model to the account."""
    claim = own_claim(request, code)
    held = KeyModel.objects.filter(units__held_for=code).distinct().order_by("connector", "sku")
    models = list(held) or list(claim.campaign.key_models.filter(is_active=True).order_by("connector", "sku"))
    keys = sum(claim.items.values_list("quantity", flat=True))
    return render(request, "pages/claim/enrol.html", {"claim": claim, "models": models, "keys": keys})


@never_cache
@login_required
@require_safe
def our_messages(request: HttpRequest) -> HttpResponse:
    """All messages sent to this person."""
    account = roster_account(request)
    notices = Notice.objects.filter(account=account).order_by("-created_at", "-id") if account else []
    return render(request, "pages/claim/messages.html", {"notices": notices})


def _is_changeable(claim: Claim) -> bool:
    return claim.label_started_at is None and claim.state in CANCELLABLE_STATES
