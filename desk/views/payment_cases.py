"""Cases about money: the list, one case with its evidence, and what the playbook offers."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from desk.forms.edit_conflicts import WORKED_MEANWHILE, ChangedMeanwhile, audited, refuse_unseen
from desk.layout import desk_page
from desk.paging import page_of
from desk.permissions import allowed, may, staff_actor
from desk.roles import ALLOWED, Action
from desk.selectors.dispute_evidence import evidence_for
from fulfillment.casework.services import payment_actions
from fulfillment.payments.errors import BadMoneyData, PaymentsError
from fulfillment.payments.models import PaymentCase
from fulfillment.payments.rules.cases import ADVICE, MOVING_MONEY, MoneyAction, MoneyOutcome, payment_playbook
from fulfillment.payments.rules.states import PaymentCaseReason
from fulfillment.payments.selectors import vendors_page

# What each action asks for besides a note.
FIELDS: Mapping[MoneyAction, tuple[str, ...]] = {
    MoneyAction.PAID_OTHERWISE: ("reference",),
    MoneyAction.CLOSE: ("outcome",),
}


class MoneyCaseForm(forms.Form):
    """One action on a case about money. `seen` is how much had been done when the page was opened."""

    action = forms.ChoiceField(choices=MoneyAction.choices(), widget=forms.HiddenInput)
    seen = forms.IntegerField(widget=forms.HiddenInput)
    reference = forms.CharField(max_length=80, label="Reference of the transfer")
    outcome = forms.ChoiceField(choices=MoneyOutcome.choices(), label="Outcome")
    note = forms.CharField(max_length=500, label="Note", help_text="No name and no address.")

    def __init__(self, action: MoneyAction, *args: Any, **given: Any) -> None:
        given["auto_id"] = f"{action}_%s"
        super().__init__(*args, **given)
        asked = {"action", "seen", "note", *FIELDS.get(action, ())}
        for name in set(self.fields) - asked:
            del self.fields[name]
        self.fields["note"].required = action is MoneyAction.NOTE


Do = Callable[..., object]
_SERVICES: Mapping[MoneyAction, Do] = {
    MoneyAction.NOTE: payment_actions.add_note,
    MoneyAction.LOOK: payment_actions.look_again,
    MoneyAction.SEND_AGAIN: payment_actions.send_again,
    MoneyAction.PAID_OTHERWISE: payment_actions.write_down_paid,
    MoneyAction.ANSWERED: payment_actions.write_down_answer,
}


@require_safe
@allowed(Action.SEE_DESK)
def payment_cases(request: HttpRequest) -> HttpResponse:
    rows = PaymentCase.objects.filter(closed_at=None).select_related("payment__claim")
    now = clock.now()
    if request.GET.get("late"):
        rows = rows.filter(due_at__lt=now)
    context = {"page": page_of(rows, request.GET), "states": [], "asked": request.GET, "now": now}
    return desk_page(request, "desk/payment_cases.html", context)


@never_cache
@require_safe
@allowed(Action.SEE_DESK)
def payment_case(request: HttpRequest, code: str) -> HttpResponse:
    return _page(request, _case(code))


@never_cache
@require_POST
@allowed(Action.WORK_CASE)
def work_payment_case(request: HttpRequest, code: str) -> HttpResponse:
    """Do what the playbook offers. Who opened the page before somebody else acted is told so first."""
    found = _case(code)
    try:
        action = MoneyAction(request.POST.get("action", ""))
    except ValueError:
        return _page(request, found, refusal="Select an action.", status=422)
    if not _may_do(request, action):
        who = " or ".join(sorted(role.label for role in ALLOWED[Action.MOVE_MONEY]))
        return _page(request, found, refusal=f"Only a {who} may {action.label}.", status=403)
    form = MoneyCaseForm(action, request.POST)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    done = form.cleaned_data
    actor, now = staff_actor(request), clock.now()
    unseen = {"entries": found.entries.all(), "seen": done["seen"], "actor": actor, "now": now}
    record = audited(
        **unseen,
        action=f"money_{action}",
        subject_kind="payment_case",
        subject=code,
        reason=done["note"],
        after={name: done[name] for name in ("outcome", "reference") if done.get(name)},
    )
    given: dict[str, Any] = {"code": code, "actor": actor, "now": now, "record": record}
    try:
        refuse_unseen(**unseen)
        _do(action, done, given, take_over="take_over" in request.POST)
    except ChangedMeanwhile:
        return _page(request, _case(code), refusal=WORKED_MEANWHILE, status=409)
    except PaymentsError as refusal:
        if isinstance(refusal, BadMoneyData) and refusal.field in form.fields:
            form.add_error(refusal.field, str(refusal))
        return _page(request, found, form=form, refusal=str(refusal), status=409)
    messages.success(request, f"Case {code}: {action.label}. Done.")
    return HttpResponseRedirect(reverse("desk:payment_case", args=[code]))


def _may_do(request: HttpRequest, action: MoneyAction) -> bool:
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    return action not in MOVING_MONEY or may(roles, Action.MOVE_MONEY)


def _do(action: MoneyAction, done: dict[str, Any], given: dict[str, Any], *, take_over: bool) -> None:
    if action is MoneyAction.TAKE:
        payment_actions.take_case(**given, take_over=take_over)
    elif action is MoneyAction.CLOSE:
        payment_actions.close_case(**given, outcome=MoneyOutcome(done["outcome"]), note=done["note"])
    else:
        asked = {name: done[name] for name in (*FIELDS.get(action, ()), "note")}
        _SERVICES[action](**given, **asked)


def _case(code: str) -> PaymentCase:
    found = PaymentCase.objects.select_related("payment").filter(code=code).first()
    if found is None:
        raise Http404("Payment case not found.")
    return found


def _page(
    request: HttpRequest,
    found: PaymentCase,
    *,
    form: MoneyCaseForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    entries = list(found.entries.order_by("id"))
    asked = MoneyAction(form.data["action"]) if form is not None else None
    reason = PaymentCaseReason(found.reason)
    offered = payment_playbook(reason) if found.closed_at is None else ()
    forms_of = [
        (
            action,
            form
            if action == asked
            else MoneyCaseForm(action, initial={"action": action, "seen": len(entries)}),
            # What to do is said once for the whole case.
            (),
        )
        for action in offered
        if _may_do(request, action)
    ]
    context = {
        "case": found,
        "advice": ADVICE[reason],
        "evidence": evidence_for(found.payment) if found.payment else None,
        "vendors_page": vendors_page(found),
        "entries": entries,
        "forms": forms_of,
        "refusal": refusal,
        "now": clock.now(),
        "is_others": found.owner not in ("", staff_actor(request)),
        "asked": asked,
        "seen": len(entries),
        "work_url": reverse("desk:work_payment_case", args=[found.code]),
    }
    return desk_page(request, "desk/payment_case.html", context, status=status)
