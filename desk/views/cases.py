"""Cases about shipments and payments: the lists, one case with its history, and its playbook's actions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from common.errors import BadRequest, KeydeskError
from desk.forms.attachments import EvidenceField
from desk.forms.edit_conflicts import WORKED_MEANWHILE, ChangedMeanwhile, audited, refuse_stale_entries
from desk.layout import desk_page
from desk.paging import page_by_time, page_of
from desk.permissions import allowed, may, staff_actor
from desk.roles import ALLOWED, Action
from desk.selectors.dispute_evidence import evidence_for
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case, CaseEntry
from fulfillment.cases.rules.playbooks import (
    ACTIONS,
    MOVING_MONEY,
    OUTCOMES,
    PAYMENT_ADVICE,
    CaseAction,
    CaseOutcome,
)
from fulfillment.cases.rules.reasons import CaseKind, CaseReason
from fulfillment.cases.services import Record, add_note, take_case
from fulfillment.casework.rules.instructions import dollars, instructions_for
from fulfillment.casework.services import payment_actions, shipment_actions
from fulfillment.insurance.services import file_claim
from fulfillment.payments.selectors import vendors_page
from fulfillment.postage import gateways
from fulfillment.postage.gateways.insurers import insurers_of
from fulfillment.shipments.models import InsuranceClaim
from fulfillment.shipments.rules.insurance_claims import (
    DEAD_INSURANCE_STATES,
    CaseSubject,
    LossKind,
    likely_kind,
)
from fulfillment.shipments.selectors import insurance_of, subject_of
from fulfillment.shipments.services.cases import shipment_of
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded


class WorkArguments(TypedDict):
    """The arguments that every action takes."""

    code: str
    actor: str
    now: datetime
    record: Record


# The validated fields of a form, whose types only the form knows.
Cleaned = Mapping[str, object]
Do = Callable[..., object]


@dataclass(frozen=True)
class ActionForm:
    """An action's fields besides a note, its required fields, and its service.

    `service` takes the fields as keyword arguments; None if it needs more than the fields (`_do`).
    """

    fields: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    service: Do | None = None


_ADDRESS = ("name", "street1", "street2", "city", "state", "postal_code", "phone")
FORMS: Mapping[CaseAction, ActionForm] = {
    CaseAction.TAKE: ActionForm(),
    CaseAction.NOTE: ActionForm(required=frozenset({"note"}), service=add_note),
    CaseAction.FIX_ADDRESS: ActionForm(_ADDRESS, frozenset({"name", "street1", "city"})),
    CaseAction.RESEND: ActionForm(service=shipment_actions.buy_label_again),
    CaseAction.APPROVE_POSTAGE: ActionForm(
        ("cents",), frozenset({"cents"}), shipment_actions.approve_postage
    ),
    # By default a return label may cost as much as the outbound label's ceiling.
    CaseAction.RETURN_LABEL: ActionForm(("cents",), service=shipment_actions.give_return_label),
    CaseAction.GIVE_CUSTOMS_DATA: ActionForm(
        ("filing", "tax_id"), service=shipment_actions.give_customs_data
    ),
    CaseAction.REDIRECT: ActionForm(("reference",), service=shipment_actions.redirect),
    CaseAction.FILE_CLAIM: ActionForm(
        ("kind", "cents", "letter", "picture"), frozenset({"kind", "cents", "letter", "note"})
    ),
    CaseAction.CLAIM_INSURANCE: ActionForm(
        ("reference", "cents"), frozenset({"cents"}), shipment_actions.claim_insurance
    ),
    CaseAction.REPLACE: ActionForm(service=shipment_actions.replace_keys),
    CaseAction.WRITE_OFF: ActionForm(service=shipment_actions.write_off),
    CaseAction.GIVE_UP_LABEL: ActionForm(service=shipment_actions.give_up_label),
    CaseAction.LOOK: ActionForm(service=payment_actions.recheck_payment),
    CaseAction.SEND_AGAIN: ActionForm(service=payment_actions.resend_refund),
    CaseAction.PAID_OTHERWISE: ActionForm(
        ("reference",), frozenset({"reference"}), payment_actions.record_paid_another_way
    ),
    CaseAction.ANSWERED: ActionForm(service=payment_actions.record_evidence_submitted),
    CaseAction.CLOSE: ActionForm(("outcome",), frozenset({"outcome"})),
}


@dataclass(frozen=True)
class KindPages:
    """The pages of one kind of case, and the names its actions have in the activity log."""

    page: str
    work: str
    template: str
    audit_action: str
    audit_kind: str


PAGES: Mapping[CaseKind, KindPages] = {
    CaseKind.SHIPMENT: KindPages("desk:case", "desk:work_case", "desk/case.html", "case", "case"),
    CaseKind.PAYMENT: KindPages(
        "desk:payment_case", "desk:work_payment_case", "desk/payment_case.html", "money", "payment_case"
    ),
}


class CaseForm(forms.Form):
    """One action on a case. `seen` is the number of entries when the page was opened."""

    action = forms.ChoiceField(choices=CaseAction.choices(), widget=forms.HiddenInput)
    seen = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, label="Name")
    street1 = forms.CharField(max_length=100, label="Street and number")
    street2 = forms.CharField(max_length=100, label="Second line")
    city = forms.CharField(max_length=100, label="Town or city")
    state = forms.CharField(max_length=100, label="State or province")
    postal_code = forms.CharField(max_length=20, label="Postal code")
    phone = forms.CharField(max_length=40, label="Phone")
    cents = forms.IntegerField(min_value=1, max_value=1_000_000, label="US cents")
    filing = forms.CharField(max_length=20, label="Number of the export filing (ITN)")
    tax_id = forms.CharField(max_length=40, label="Recipient's tax id")
    reference = forms.CharField(max_length=80, label="Reference")
    kind = forms.ChoiceField(choices=LossKind.choices(), label="What happened to the parcel")
    letter = EvidenceField(label="What the maintainer or the carrier wrote (PDF or picture)")
    picture = EvidenceField(label="A picture of the damage (needed for damage)")
    outcome = forms.ChoiceField(choices=CaseOutcome.choices(), label="Outcome")
    note = forms.CharField(max_length=500, label="Note", help_text="No name and no address.")

    def __init__(
        self,
        action: CaseAction,
        case_kind: CaseKind,
        data: QueryDict | None = None,
        files: MultiValueDict[str, "UploadedFile[bytes]"] | None = None,
        *,
        initial: dict[str, object] | None = None,
    ) -> None:
        super().__init__(data, files, auto_id=f"{action}_%s", initial=initial)
        asked = FORMS[action]
        always = {"action", "seen"}
        for name in set(self.fields) - {*always, "note", *asked.fields}:
            del self.fields[name]
        for name, field in self.fields.items():
            field.required = name in always | asked.required
        if action is CaseAction.CLOSE:
            outcomes = [(one.value, one.label) for one in OUTCOMES[case_kind]]
            self.fields["outcome"] = forms.ChoiceField(choices=outcomes, label="Outcome")
            self.order_fields(["outcome", "note"])
        if action is CaseAction.FILE_CLAIM:
            self.fields["note"].label = "What happened, for the insurer"


@require_safe
@allowed(Action.SEE_DESK)
def case_list(request: HttpRequest) -> HttpResponse:
    """Open shipment cases, sorted by due time."""
    now = clock.now()
    rows = Case.objects.open().of_kind(CaseKind.SHIPMENT).select_related("shipment__claim")
    if request.GET.get("late"):
        rows = rows.filter(due_at__lt=now)
    page = page_by_time(rows, request.GET, by="due_at")
    return desk_page(request, "desk/cases.html", {"page": page, "now": now})


@require_safe
@allowed(Action.SEE_DESK)
def payment_case_list(request: HttpRequest) -> HttpResponse:
    """Open payment cases, newest first."""
    now = clock.now()
    rows = Case.objects.open().of_kind(CaseKind.PAYMENT).select_related("payment__claim")
    if request.GET.get("late"):
        rows = rows.filter(due_at__lt=now)
    context = {"page": page_of(rows, request.GET), "states": [], "asked": request.GET, "now": now}
    return desk_page(request, "desk/payment_cases.html", context)


@never_cache
@require_safe
@allowed(Action.SEE_DESK)
def case_page(request: HttpRequest, code: str, kind: CaseKind = CaseKind.SHIPMENT) -> HttpResponse:
    return _page(request, _case(code, kind))


@never_cache
@require_POST
@allowed(Action.WORK_CASE)
def work_case(request: HttpRequest, code: str, kind: CaseKind = CaseKind.SHIPMENT) -> HttpResponse:
    """Perform an action of the playbook, unless another person acted since the page was opened."""
    found = _case(code, kind)
    action = _asked_action(request, kind)
    if action is None:
        return _page(request, found, refusal="Select an action.", status=422)
    if not _may_do(request, action):
        who = " or ".join(sorted(role.label for role in ALLOWED[Action.MOVE_MONEY]))
        return _page(request, found, refusal=f"Only a {who} may {action.label}.", status=403)
    form = CaseForm(action, kind, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    done: Cleaned = form.cleaned_data
    actor, now = staff_actor(request), clock.now()
    entries, seen = found.entries.all(), form.cleaned_data["seen"]
    record = audited(
        entries,
        seen,
        actor=actor,
        now=now,
        action=f"{PAGES[kind].audit_action}_{action}",
        subject_kind=PAGES[kind].audit_kind,
        subject=code,
        reason=done["note"],
        after={
            name: done[name] for name in ("outcome", "cents", "filing", "reference", "kind") if done.get(name)
        },
    )
    given = WorkArguments(code=code, actor=actor, now=now, record=record)
    try:
        refuse_stale_entries(entries, seen, actor=actor, now=now)
        _do(found, action, form, given, take_over="take_over" in request.POST)
    except ChangedMeanwhile:
        return _page(request, _case(code, kind), refusal=WORKED_MEANWHILE, status=409)
    except (KeydeskError, Shredded) as refusal:
        _name_fields(form, refusal)
        return _page(request, found, form=form, refusal=str(refusal), status=409)
    messages.success(request, f"Case {code}: {action.label}. Done.")
    return HttpResponseRedirect(reverse(PAGES[kind].page, args=[code]))


def _asked_action(request: HttpRequest, kind: CaseKind) -> CaseAction | None:
    """The submitted action; None if this kind of case does not have it."""
    asked = request.POST.get("action", "")
    return next((action for action in ACTIONS[kind] if action.value == asked), None)


def _may_do(request: HttpRequest, action: CaseAction) -> bool:
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    return action not in MOVING_MONEY or may(roles, Action.MOVE_MONEY)


def _do(found: Case, action: CaseAction, form: CaseForm, given: WorkArguments, *, take_over: bool) -> None:
    done = form.cleaned_data
    if action is CaseAction.TAKE:
        take_case(**given, take_over=take_over)
    elif action is CaseAction.FIX_ADDRESS:
        address = PostalAddress(
            country=shipment_of(found).claim.country, **{name: done[name] for name in _ADDRESS}
        )
        shipment_actions.fix_address(**given, address=address)
    elif action is CaseAction.CLOSE:
        outcome, note = CaseOutcome(done["outcome"]), done["note"]
        close = (
            shipment_actions.close_shipment_case
            if found.kind == CaseKind.SHIPMENT
            else payment_actions.close_payment_case
        )
        close(**given, outcome=outcome, note=note)
    elif action is CaseAction.FILE_CLAIM:
        file_claim(
            **given,
            kind=LossKind(done["kind"]),
            cents=done["cents"],
            note=done["note"],
            letters=[done["letter"]],
            pictures=[done["picture"]] if done["picture"] else [],
            insurers=insurers_of(gateways.carrier_gateway()),
        )
    else:
        service = FORMS[action].service
        assert service is not None, "every other action has its service in the table"
        service(**given, **{name: done[name] for name in (*FORMS[action].fields, "note")})


def _name_fields(form: CaseForm, refusal: Exception) -> None:
    """Show a refusal at its fields."""
    if isinstance(refusal, BadRequest):
        for error in refusal.errors:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    elif isinstance(refusal, BadCaseData) and refusal.field in form.fields:
        form.add_error(refusal.field, str(refusal))


def _case(code: str, kind: CaseKind) -> Case:
    cases = Case.objects.of_kind(kind).select_related("shipment__claim", "payment")
    found = cases.filter(code=code).first()
    if found is None:
        raise Http404("Case not found.")
    return found


def _can_claim(about: CaseSubject | None, claimed: Sequence[InsuranceClaim]) -> bool:
    """Whether insurance can be claimed: no claim yet, or only rejected ones."""
    return bool(about and about.insured_cents) and all(one.state in DEAD_INSURANCE_STATES for one in claimed)


@dataclass(frozen=True)
class CaseContext:
    """Additional context of a kind's page, and the arguments of its actions' forms."""

    context: dict[str, object]
    about: CaseSubject | None = None
    claimed: Sequence[InsuranceClaim] = ()


def _about_shipment(found: Case) -> CaseContext:
    shipment = shipment_of(found)
    claimed = insurance_of(shipment)
    shown = [
        (one, dollars(one.requested_cents), one.approved_cents and dollars(one.approved_cents))
        for one in claimed
    ]
    about = subject_of(shipment) if found.closed_at is None else None
    return CaseContext({"claimed": shown}, about, claimed)


def _about_payment(found: Case) -> CaseContext:
    return CaseContext(
        {
            "advice": PAYMENT_ADVICE[CaseReason(found.reason)],
            "evidence": evidence_for(found.payment) if found.payment else None,
            "vendors_page": vendors_page(found),
        }
    )


def _initial(
    found: Case, action: CaseAction, entries: Sequence[CaseEntry], about: CaseSubject | None
) -> dict[str, object]:
    initial: dict[str, object] = {"action": action, "seen": len(entries)}
    if action is CaseAction.FILE_CLAIM and about is not None:
        initial |= {"kind": likely_kind(CaseReason(found.reason)), "cents": about.insured_cents}
    return initial


def _page(
    request: HttpRequest, found: Case, *, form: CaseForm | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    kind = CaseKind(found.kind)
    entries = list(found.entries.order_by("id"))
    asked = CaseAction(form.data["action"]) if form is not None else None
    shown = _about_shipment(found) if kind is CaseKind.SHIPMENT else _about_payment(found)
    forms_of = [
        (
            action,
            form
            if action == asked
            else CaseForm(action, kind, initial=_initial(found, action, entries, shown.about)),
            # The advice about a payment case is given once for the whole case.
            instructions_for(action, shown.about) if kind is CaseKind.SHIPMENT else (),
        )
        for action in (found.actions if found.closed_at is None else ())
        if _may_do(request, action)
        and (action is not CaseAction.FILE_CLAIM or _can_claim(shown.about, shown.claimed))
    ]
    context = {
        "case": found,
        "entries": entries,
        "forms": forms_of,
        "refusal": refusal,
        "now": clock.now(),
        "is_others": found.owner not in ("", staff_actor(request)),
        "asked": asked,
        "seen": len(entries),
        "work_url": reverse(PAGES[kind].work, args=[found.code]),
        **shown.context,
    }
    return desk_page(request, PAGES[kind].template, context, status=status)
