"""One case: its clock, what was done about it, and what the playbook offers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from common.errors import BadRequest, KeydeskError
from desk.forms.attachments import EvidenceField
from desk.forms.edit_conflicts import WORKED_MEANWHILE, ChangedMeanwhile, audited, refuse_unseen
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.casework.rules.instructions import advice, dollars
from fulfillment.casework.services import shipment_actions
from fulfillment.insurance import services
from fulfillment.postage import gateways
from fulfillment.postage.gateways.insurers import insurers_of
from fulfillment.shipments.models import Case, CaseEntry, InsuranceClaim
from fulfillment.shipments.rules.cases import CaseAction, CaseOutcome, CaseReason, CaseSubject, playbook
from fulfillment.shipments.rules.insurance_claims import DEAD_INSURANCE_STATES, LossKind, likely_kind
from fulfillment.shipments.selectors import insurance_of, subject_of
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded

_ADDRESS = ("name", "street1", "street2", "city", "state", "postal_code", "phone")
# What each action asks for besides a note.
FIELDS: Mapping[CaseAction, tuple[str, ...]] = {
    CaseAction.FIX_ADDRESS: _ADDRESS,
    CaseAction.APPROVE_POSTAGE: ("cents",),
    CaseAction.GIVE_CUSTOMS_DATA: ("filing", "tax_id"),
    CaseAction.RETURN_LABEL: ("cents",),
    CaseAction.REDIRECT: ("reference",),
    CaseAction.FILE_CLAIM: ("kind", "cents", "letter", "picture"),
    CaseAction.CLAIM_INSURANCE: ("reference", "cents"),
    CaseAction.CLOSE: ("outcome",),
}
_REQUIRED = {*_ADDRESS, "cents", "outcome", "kind", "letter"} - {"street2", "state", "postal_code", "phone"}
# A return label may cost what the way out was allowed to, unless somebody says more.
_OPTIONAL = {(CaseAction.RETURN_LABEL, "cents")}


class CaseForm(forms.Form):
    """One action on a case. `seen` is how much had been done when the page was opened."""

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
    reference = forms.CharField(max_length=80, label="Their reference")
    kind = forms.ChoiceField(choices=LossKind.choices(), label="What happened to the parcel")
    letter = EvidenceField(label="What the maintainer or the carrier wrote (PDF or picture)")
    picture = EvidenceField(label="A picture of the damage (needed for damage)")
    outcome = forms.ChoiceField(choices=CaseOutcome.choices(), label="Outcome")
    note = forms.CharField(max_length=500, label="Note", help_text="No name and no address.")

    def __init__(self, action: CaseAction, *args: Any, **given: Any) -> None:
        given["auto_id"] = f"{action}_%s"
        super().__init__(*args, **given)
        asked = {"action", "seen", "note", *FIELDS.get(action, ())}
        for name in list(self.fields):
            if name not in asked:
                del self.fields[name]
        for name, field in self.fields.items():
            field.required = name in _REQUIRED | {"action", "seen"} and (action, name) not in _OPTIONAL
        self.fields["note"].required = action in (CaseAction.NOTE, CaseAction.FILE_CLAIM)
        if action is CaseAction.FILE_CLAIM:
            self.fields["note"].label = "What happened, for the insurer"


Do = Callable[..., object]
_SERVICES: Mapping[CaseAction, Do] = {
    CaseAction.NOTE: shipment_actions.add_note,
    CaseAction.RESEND: shipment_actions.resend,
    CaseAction.APPROVE_POSTAGE: shipment_actions.approve_postage,
    CaseAction.GIVE_CUSTOMS_DATA: shipment_actions.give_customs_data,
    CaseAction.RETURN_LABEL: shipment_actions.give_return_label,
    CaseAction.REDIRECT: shipment_actions.redirect,
    CaseAction.CLAIM_INSURANCE: shipment_actions.claim_insurance,
    CaseAction.REPLACE: shipment_actions.replace_keys,
    CaseAction.WRITE_OFF: shipment_actions.write_off,
    CaseAction.GIVE_UP_LABEL: shipment_actions.give_up_label,
}


@never_cache
@require_safe
@allowed(Action.SEE_DESK)
def case(request: HttpRequest, code: str) -> HttpResponse:
    return _page(request, _case(code))


@never_cache
@require_POST
@allowed(Action.WORK_CASE)
def work_case(request: HttpRequest, code: str) -> HttpResponse:
    """Do what the playbook offers. Who opened the page before somebody else acted is told so first."""
    found = _case(code)
    try:
        action = CaseAction(request.POST.get("action", ""))
    except ValueError:
        return _page(request, found, refusal="Select an action.", status=422)
    form = CaseForm(action, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    done = form.cleaned_data
    actor, now = staff_actor(request), clock.now()
    unseen = {"entries": found.entries.all(), "seen": done["seen"], "actor": actor, "now": now}
    record = audited(
        **unseen,
        action=f"case_{action}",
        subject_kind="case",
        subject=code,
        reason=done["note"],
        after={
            name: done[name] for name in ("outcome", "cents", "filing", "reference", "kind") if done.get(name)
        },
    )
    given: dict[str, Any] = {"code": code, "actor": actor, "now": now, "record": record}
    try:
        refuse_unseen(**unseen)
        _do(found, action, done, given, take_over="take_over" in request.POST)
    except ChangedMeanwhile:
        return _page(request, _case(code), refusal=WORKED_MEANWHILE, status=409)
    except (KeydeskError, Shredded) as refusal:
        _name_fields(form, refusal)
        return _page(request, found, form=form, refusal=str(refusal), status=409)
    messages.success(request, f"Case {code}: {action.label}. Done.")
    return HttpResponseRedirect(reverse("desk:case", args=[code]))


def _do(
    found: Case, action: CaseAction, done: dict[str, Any], given: dict[str, Any], *, take_over: bool
) -> None:
    if action is CaseAction.TAKE:
        shipment_actions.take_case(**given, take_over=take_over)
    elif action is CaseAction.FIX_ADDRESS:
        country = found.shipment.claim.country
        address = PostalAddress(country=country, **{name: done[name] for name in _ADDRESS})
        shipment_actions.fix_address(**given, address=address)
    elif action is CaseAction.CLOSE:
        shipment_actions.close_case(**given, outcome=CaseOutcome(done["outcome"]), note=done["note"])
    elif action is CaseAction.FILE_CLAIM:
        services.file_claim(
            **given,
            kind=LossKind(done["kind"]),
            cents=done["cents"],
            note=done["note"],
            letters=[done["letter"]],
            pictures=[done["picture"]] if done["picture"] else [],
            insurers=insurers_of(gateways.carrier_gateway()),
        )
    else:
        asked = {name: done[name] for name in (*FIELDS.get(action, ()), "note")}
        _SERVICES[action](**given, **asked)


def _name_fields(form: CaseForm, refusal: Exception) -> None:
    if isinstance(refusal, BadRequest):
        for error in refusal.errors:
            form.add_error(error.field if error.field in form.fields else None, error.message)


def _case(code: str) -> Case:
    found = Case.objects.select_related("shipment__claim").filter(code=code).first()
    if found is None:
        raise Http404("Case not found.")
    return found


def _can_claim(about: CaseSubject | None, claimed: Sequence[InsuranceClaim]) -> bool:
    """Whether there is insurance that nobody has claimed, or not with success."""
    return bool(about and about.insured_cents) and all(one.state in DEAD_INSURANCE_STATES for one in claimed)


def _initial(
    found: Case, action: CaseAction, entries: Sequence[CaseEntry], about: CaseSubject | None
) -> dict[str, Any]:
    initial: dict[str, Any] = {"action": action, "seen": len(entries)}
    if action is CaseAction.FILE_CLAIM and about is not None:
        initial |= {"kind": likely_kind(CaseReason(found.reason)), "cents": about.insured_cents}
    return initial


def _page(
    request: HttpRequest, found: Case, *, form: CaseForm | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    entries = list(found.entries.order_by("id"))
    asked = CaseAction(form.data["action"]) if form is not None else None
    offered = playbook(CaseReason(found.reason)) if found.closed_at is None else ()
    about = subject_of(found.shipment) if offered else None
    claimed = insurance_of(found.shipment)
    forms_of = [
        (
            action,
            form if action == asked else CaseForm(action, initial=_initial(found, action, entries, about)),
            advice(action, about),
        )
        for action in offered
        if action is not CaseAction.FILE_CLAIM or _can_claim(about, claimed)
    ]
    context = {
        "case": found,
        "entries": entries,
        "claimed": [
            (one, dollars(one.requested_cents), one.approved_cents and dollars(one.approved_cents))
            for one in claimed
        ],
        "forms": forms_of,
        "refusal": refusal,
        "now": clock.now(),
        "is_others": found.owner not in ("", staff_actor(request)),
        "asked": asked,
        "seen": len(entries),
        "work_url": reverse("desk:work_case", args=[found.code]),
    }
    return desk_page(request, "desk/case.html", context, status=status)
