"""One claim: its history, the decision with its evidence, and the reviewer's actions."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from desk.audit import recording
from desk.forms.refund_form import RefundForm
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from desk.selectors.timelines import ClaimHistory, claim_history
from fulfillment.claims.errors import NotInReview, UnknownClaim
from fulfillment.claims.money import format_money
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.amendments_and_reviews import review_claim
from fulfillment.payments.errors import PaymentNotRefundable
from fulfillment.payments.models import Refund
from fulfillment.payments.rules.states import RefundReason
from fulfillment.payments.services.refunds import refund_part
from fulfillment.vault.errors import Shredded
from fulfillment.vault.models import Opening
from fulfillment.vault.services import open_address

# Purposes available to staff; the others belong to the system and the claimant.
PURPOSES = [
    (Opening.Purpose.SUPPORT.value, "to help the claimant, who asked"),
    (Opening.Purpose.PACKING.value, "to pack or repair the parcel"),
]


class ReviewForm(forms.Form):
    """A reviewer's decision."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")])
    note = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Reason",
        error_messages={"required": "Enter a reason. The maintainer sees it when the claim is rejected."},
    )


class OpeningForm(forms.Form):
    """The purpose of opening an address."""

    purpose = forms.ChoiceField(
        choices=PURPOSES,
        error_messages={"required": "Enter a purpose. It is logged, and the claimant can see it."},
    )


@never_cache
@require_safe
@allowed(Action.SEE_PERSON)
def claim_detail(request: HttpRequest, code: str) -> HttpResponse:
    return _page(request, _story(code))


@require_POST
@allowed(Action.REVIEW_CLAIM)
def review_claim_form(request: HttpRequest, code: str) -> HttpResponse:
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _page(request, _story(code), form=form, status=422)
    approve = form.cleaned_data["verdict"] == "approve"
    try:
        decide_claim(
            code=code,
            approve=approve,
            note=form.cleaned_data["note"],
            reviewer=staff_actor(request),
            now=clock.now(),
        )
    except UnknownClaim:
        raise Http404 from None
    except NotInReview:
        form.add_error(None, "Someone else has decided this claim. Their decision is shown below.")
        return _page(request, _story(code), form=form, status=409)
    messages.success(
        request, f"Claim {code} is {'approved' if approve else 'not approved'}. They get an email."
    )
    return HttpResponseRedirect(reverse("desk:claims") + "?state=in_review")


def decide_claim(*, code: str, approve: bool, note: str, reviewer: str, now: datetime) -> None:
    """Decide a claim in review, and record an audit entry.

    Raises: UnknownClaim. NotInReview: already decided.
    """
    with transaction.atomic(durable=True):
        decided = review_claim(code=code, approve=approve, note=note, reviewer=reviewer, now=now)
        recording.record_action(
            actor=reviewer,
            action="claim_approved" if approve else "claim_rejected",
            subject_kind="claim",
            subject=code,
            reason=note,
            before={"state": ClaimState.IN_REVIEW.value},
            after={"state": decided.state},
            now=now,
        )


@never_cache
@require_POST
@allowed(Action.OPEN_ADDRESS)
def show_address(request: HttpRequest, code: str) -> HttpResponse:
    """Show the address once, for a purpose; the opening is logged first."""
    story = _story(code)
    form = OpeningForm(request.POST)
    if not form.is_valid():
        return _page(request, story, opening=form, status=422)
    purpose = Opening.Purpose(form.cleaned_data["purpose"])
    try:
        with transaction.atomic():
            opened = open_address(subject=code, purpose=purpose, actor=staff_actor(request), now=clock.now())
    except Shredded:
        form.add_error(None, "The address was deleted because it was no longer needed.")
        return _page(request, story, opening=form, status=410)
    return _page(request, _story(code), address=opened)


@never_cache
@require_POST
@allowed(Action.MOVE_MONEY)
def refund_claim(request: HttpRequest, code: str) -> HttpResponse:
    """Refund part of a claim. A double submit refunds once."""
    story = _story(code)
    payment = story.paid
    if payment is None:
        return _page(request, story, refusal="Nothing was paid for this claim.", status=409)
    form = RefundForm(payment.received_currency, request.POST)
    if not form.is_valid():
        return _page(request, story, refunding=form, status=422)
    done = form.cleaned_data
    if done["seen"] != len(story.refunds):
        form.add_error(
            None, "A refund has been made since you opened this page. It is listed here; decide again."
        )
        return _page(request, story, refunding=form, status=409)
    actor, now = staff_actor(request), clock.now()

    def record(made: Refund) -> None:
        recording.record_action(
            actor=actor,
            action="refund_sent",
            subject_kind="claim",
            subject=code,
            reason=done["note"],
            now=now,
            after={"refund": made.code, "amount": made.amount, "currency": made.currency},
        )

    try:
        made = refund_part(
            code=code,
            amount=done["amount"],
            reason=RefundReason(done["reason"]),
            actor=actor,
            now=now,
            record=record,
        )
    except PaymentNotRefundable as refusal:
        form.add_error("amount", str(refusal))
        return _page(request, story, refunding=form, status=409)
    messages.success(
        request, f"{format_money(made.amount, made.currency)} will be refunded. They get an email."
    )
    return HttpResponseRedirect(reverse("desk:claim", args=[code]))


def _story(code: str) -> ClaimHistory:
    story = claim_history(code)
    if story is None:
        raise Http404("Claim not found.")
    return story


def _page(
    request: HttpRequest,
    story: ClaimHistory,
    *,
    form: ReviewForm | None = None,
    opening: OpeningForm | None = None,
    refunding: RefundForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = {
        "story": story,
        "claim": story.claim,
        "review": form or ReviewForm(),
        "opening": opening or OpeningForm(),
        "refunding": refunding or _refund_form(story),
        "is_in_review": story.claim.state == ClaimState.IN_REVIEW,
        **more,
    }
    return desk_page(request, "desk/claim.html", context, status=status)


def _refund_form(story: ClaimHistory) -> RefundForm | None:
    """None if nothing can be refunded."""
    if story.paid is None or not story.left:
        return None
    return RefundForm(story.paid.received_currency, initial={"seen": len(story.refunds)})
