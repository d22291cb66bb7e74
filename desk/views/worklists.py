"""Worklists linked from the dashboard."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from common import clock
from desk.forms.claim_filters import ClaimsForm
from desk.layout import desk_page
from desk.paging import page_of
from desk.permissions import allowed, may
from desk.roles import Action
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import ShipmentState

_M = TypeVar("_M", bound=Model)


@require_safe
@allowed(Action.SEE_DESK)
def claim_list(request: HttpRequest) -> HttpResponse:
    """List claims by filters; claims in review can be selected for a bulk decision."""
    form = ClaimsForm(request.GET)
    rows = form.claims(now=clock.now()) if form.is_valid() else Claim.objects.none()
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    context = {
        "page": page_of(rows.select_related("account", "campaign"), request.GET),
        "form": form,
        "can_decide": request.GET.get("state") == ClaimState.IN_REVIEW and may(roles, Action.REVIEW_CLAIM),
    }
    return desk_page(request, "desk/claims.html", context, status=422 if form.errors else 200)


@require_safe
@allowed(Action.SEE_DESK)
def parcels(request: HttpRequest) -> HttpResponse:
    rows = Shipment.objects.select_related("claim")
    context = {
        "page": page_of(_in_state(request, rows, [state.value for state in ShipmentState]), request.GET),
        "states": ShipmentState.choices(),
        "asked": request.GET,
    }
    return desk_page(request, "desk/parcels.html", context)


def _in_state(request: HttpRequest, rows: QuerySet[_M], states: list[str]) -> QuerySet[_M]:
    state = request.GET.get("state", "")
    return rows.filter(state=state) if state in states else rows
