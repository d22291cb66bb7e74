"""One claim: its whole story, the decision with its evidence, and what a reviewer does about it."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from config import clock
from desk import audit
from desk.gate import actor_of, allowed
from desk.roles import Action
from desk.shell import desk_page
from desk.story import ClaimStory, story_of_claim
from fulfillment.claims.errors import NotInReview, UnknownClaim
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.changes import review_claim
from fulfillment.vault.errors import Shredded
from fulfillment.vault.models import Opening
from fulfillment.vault.services import open_address

# Why staff may open an address by hand; the other purposes are the machine's and the claimant's own.
PURPOSES = [
    (Opening.Purpose.SUPPORT.value, "to help the claimant, who asked"),
    (Opening.Purpose.PACKING.value, "to pack or repair the parcel"),
]


class ReviewForm(forms.Form):
    """A reviewer's decision."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Do not approve")])
    note = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Reason",
        error_messages={"required": "Say why; the maintainer reads it when the claim is not approved."},
    )


class OpeningForm(forms.Form):
    """Why an address is opened."""

    purpose = forms.ChoiceField(
        choices=PURPOSES,
        error_messages={"required": "Say what for; it is logged, and the claimant can read it."},
    )


@never_cache
@require_safe
@allowed(Action.SEE_PERSON)
def claim(request: HttpRequest, code: str) -> HttpResponse:
    return _page(request, _story(code))


@require_POST
@allowed(Action.REVIEW_CLAIM)
def review(request: HttpRequest, code: str) -> HttpResponse:
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _page(request, _story(code), form=form, status=422)
    approve = form.cleaned_data["verdict"] == "approve"
    try:
        decide(
            code=code,
            approve=approve,
            note=form.cleaned_data["note"],
            reviewer=actor_of(request),
            now=clock.now(),
        )
    except UnknownClaim:
        raise Http404 from None
    except NotInReview:
        form.add_error(None, "Somebody decided this claim meanwhile; what they decided is below.")
        return _page(request, _story(code), form=form, status=409)
    messages.success(
        request, f"Claim {code} is {'approved' if approve else 'not approved'}. They get a mail."
    )
    return HttpResponseRedirect(reverse("desk:claims") + "?state=in_review")


def decide(*, code: str, approve: bool, note: str, reviewer: str, now: datetime) -> None:
    """Decide a claim in review, with its line in the audit trail.

    Raises: UnknownClaim. NotInReview: somebody was faster.
    """
    with transaction.atomic(durable=True):
        decided = review_claim(code=code, approve=approve, note=note, reviewer=reviewer, now=now)
        audit.record(
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
def address(request: HttpRequest, code: str) -> HttpResponse:
    """Show the address once, for a purpose; the opening is logged before it is shown."""
    story = _story(code)
    form = OpeningForm(request.POST)
    if not form.is_valid():
        return _page(request, story, opening=form, status=422)
    purpose = Opening.Purpose(form.cleaned_data["purpose"])
    try:
        with transaction.atomic():
            opened = open_address(subject=code, purpose=purpose, actor=actor_of(request), now=clock.now())
    except Shredded:
        form.add_error(None, "The address is gone: it was destroyed when it was no longer needed.")
        return _page(request, story, opening=form, status=410)
    return _page(request, _story(code), address=opened)


def _story(code: str) -> ClaimStory:
    story = story_of_claim(code)
    if story is None:
        raise Http404("There is no claim of this code.")
    return story


def _page(
    request: HttpRequest,
    story: ClaimStory,
    *,
    form: ReviewForm | None = None,
    opening: OpeningForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = {
        "story": story,
        "claim": story.claim,
        "review": form or ReviewForm(),
        "opening": opening or OpeningForm(),
        "is_in_review": story.claim.state == ClaimState.IN_REVIEW,
        **more,
    }
    return desk_page(request, "desk/claim.html", context, status=status)
