"""Decide many claims in review at once, after a preview; claims changed since then are skipped."""

from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from common import clock
from common.errors import KeydeskError
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from desk.views.claims import decide_claim
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState

# One page of the list.
AT_MOST = 50


class BulkForm(forms.Form):
    """The decision on many claims. `seen`: code and time of the last change, from the preview."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")])
    note = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Reason",
        error_messages={"required": "Enter a reason. The rejected maintainers see it."},
    )


@dataclass(frozen=True)
class Undecided:
    """A claim that was not decided, and why."""

    code: str
    why: str


@never_cache
@require_POST
@allowed(Action.REVIEW_CLAIM)
def preview_bulk(request: HttpRequest) -> HttpResponse:
    """Preview the decision with the current state of each claim."""
    codes = request.POST.getlist("code")[:AT_MOST]
    return _page(request, BulkForm(initial={"verdict": request.POST.get("verdict")}), codes)


@never_cache
@require_POST
@allowed(Action.REVIEW_CLAIM)
def decide_many(request: HttpRequest) -> HttpResponse:
    """Decide each claim that has not changed since the preview, each in its own transaction."""
    form = BulkForm(request.POST)
    seen = dict(one.partition("=")[::2] for one in request.POST.getlist("seen")[:AT_MOST])
    if not form.is_valid():
        return _page(request, form, list(seen), status=422)
    done: list[str] = []
    left: list[Undecided] = []
    now_is = {claim.code: claim for claim in Claim.objects.filter(code__in=seen)}
    for code, as_seen in seen.items():
        claim = now_is.get(code)
        if claim is None:
            left.append(Undecided(code, "claim not found."))
        elif claim.updated_at.isoformat() != as_seen or claim.state != ClaimState.IN_REVIEW:
            left.append(Undecided(code, f"it has changed and is now {claim.get_state_display()}."))
        else:
            _decide(code, form, request, done, left)
    context = {"done": done, "left": left, "verdict": form.cleaned_data["verdict"]}
    return desk_page(request, "desk/bulk_done.html", context, status=200 if not left else 409)


def _decide(code: str, form: BulkForm, request: HttpRequest, done: list[str], left: list[Undecided]) -> None:
    try:
        decide_claim(
            code=code,
            approve=form.cleaned_data["verdict"] == "approve",
            note=form.cleaned_data["note"],
            reviewer=staff_actor(request),
            now=clock.now(),
        )
    except KeydeskError as refusal:
        left.append(Undecided(code, str(refusal)))
    else:
        done.append(code)


def _page(request: HttpRequest, form: BulkForm, codes: list[str], status: int = 200) -> HttpResponse:
    found = Claim.objects.filter(code__in=codes).select_related("account", "decision").order_by("-pk")
    in_review = [claim for claim in found if claim.state == ClaimState.IN_REVIEW]
    others = [claim for claim in found if claim.state != ClaimState.IN_REVIEW]
    rows = [(claim, f"{claim.code}={claim.updated_at.isoformat()}") for claim in in_review]
    return desk_page(request, "desk/bulk.html", {"form": form, "rows": rows, "others": others}, status=status)
