"""Approvals: appeals to answer, exceptions and counts that need a second person."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common import clock
from common.errors import KeydeskError
from desk.audit import recording
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.claims.services import appeal_decisions
from inventory.models import Count, CountState
from inventory.rules import COUNT_REASONS
from inventory.services.counts import approve_count
from roster.models import Appeal, PolicyException
from roster.services import appeals

AT_MOST = 100


class AnswerForm(forms.Form):
    """An answer to an appeal; if granted, another member of staff must approve the exception."""

    answer = forms.CharField(
        max_length=300,
        error_messages={"required": "Enter an answer of at least a sentence. The person sees it."},
    )
    verdict = forms.ChoiceField(choices=[("grant", "grant"), ("decline", "decline")])
    days = forms.IntegerField(min_value=1, max_value=365, initial=90, label="Days the exception lasts")


@never_cache
@require_safe
@allowed(Action.SEE_PERSON)
def approvals(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, refusal: str = "", status: int = 200) -> HttpResponse:
    waiting = PolicyException.objects.awaiting_a_second_name(clock.now()).select_related("account")
    open_appeals = Appeal.objects.filter(state=Appeal.State.OPEN).select_related("account")
    context = {
        "exceptions": waiting.order_by("requested_at")[:AT_MOST],
        "appeals": open_appeals.order_by("created_at")[:AT_MOST],
        "me": staff_actor(request),
        "refusal": refusal,
    }
    return desk_page(request, "desk/second_names.html", context, status=status)


@require_POST
@allowed(Action.APPROVE_EXCEPTION)
def exception(request: HttpRequest, exception_id: int) -> HttpResponse:
    """Approve an exception as the second person, or refuse it with a reason."""
    actor, now = staff_actor(request), clock.now()
    grants = request.POST.get("verdict") == "grant"
    because = request.POST.get("because", "")
    try:
        with transaction.atomic():
            if grants:
                done = appeal_decisions.grant_exception_and_notify(
                    exception_id=exception_id, actor=actor, now=now
                )
            else:
                done = appeal_decisions.end_exception_and_notify(
                    exception_id=exception_id, because=because, actor=actor, now=now
                )
            recording.record_action(
                actor=actor,
                action="exception_granted" if grants else "exception_refused",
                subject_kind="person",
                subject=done.account.username,
                reason=done.reason if grants else because,
                before={"requested_by": done.requested_by},
                after={"rule": done.rule, "expires_at": done.expires_at.isoformat()},
                now=now,
            )
    except KeydeskError as refusal:
        return _page(request, str(refusal), 409)
    messages.success(request, "Granted." if grants else "Refused.")
    return HttpResponseRedirect(reverse("desk:second_names"))


@require_POST
@allowed(Action.PROPOSE_EXCEPTION)
def answer_appeal(request: HttpRequest, appeal_id: int) -> HttpResponse:
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, " ".join(str(one[0]) for one in form.errors.values()), 422)
    actor, now = staff_actor(request), clock.now()
    answer = form.cleaned_data["answer"]
    try:
        with transaction.atomic():
            if form.cleaned_data["verdict"] == "grant":
                until = now + timedelta(days=form.cleaned_data["days"])
                done = appeals.grant_appeal(
                    appeal_id=appeal_id, answer=answer, expires_at=until, actor=actor, now=now
                )
            else:
                done = appeal_decisions.decline_appeal_and_notify(
                    appeal_id=appeal_id, answer=answer, actor=actor, now=now
                )
            recording.record_action(
                actor=actor,
                action=f"appeal_{done.state}",
                subject_kind="person",
                subject=done.account.username,
                reason=answer,
                after={"rule": done.rule},
                now=now,
            )
    except KeydeskError as refusal:
        return _page(request, str(refusal), 409)
    messages.success(request, "Answered.")
    return HttpResponseRedirect(reverse("desk:second_names"))


@never_cache
@require_safe
@allowed(Action.SETTLE_COUNT)
def counts(request: HttpRequest) -> HttpResponse:
    """Counts whose differences need a second person's approval."""
    waiting = Count.objects.filter(state=CountState.COUNTED).select_related("bin__warehouse")
    return desk_page(request, "desk/open_counts.html", {"counts": waiting.order_by("submitted_at")[:AT_MOST]})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.SETTLE_COUNT)
def settle_count(request: HttpRequest, code: str) -> HttpResponse:
    """The differences of a count, each with the possible reasons."""
    found = Count.objects.select_related("bin__warehouse").filter(code=code).first()
    if found is None:
        raise Http404("Count not found.")
    differences = list(found.differences.order_by("serial"))
    refusal = ""
    if request.method == "POST":
        reasons = {one.serial: request.POST.get(f"reason-{one.serial}", "") for one in differences}
        actor, now = staff_actor(request), clock.now()
        try:
            with transaction.atomic():
                approve_count(code=code, reasons=reasons, actor=actor, now=now)
                recording.record_action(
                    actor=actor,
                    action="count_approved",
                    subject_kind="count",
                    subject=code,
                    before={"counted_by": found.counted_by},
                    after=reasons,
                    now=now,
                )
        except KeydeskError as error:
            refusal = str(error)
        else:
            messages.success(request, f"Count {code} is settled.")
            return HttpResponseRedirect(reverse("desk:counts"))
    rows = [(one, sorted(COUNT_REASONS[one.kind])) for one in differences]
    context = {"count": found, "rows": rows, "refusal": refusal, "is_open": found.state == CountState.COUNTED}
    return desk_page(request, "desk/count.html", context, status=409 if refusal else 200)
