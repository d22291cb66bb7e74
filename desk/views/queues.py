"""The lists behind the numbers of Today."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from config import clock
from desk.gate import allowed, may
from desk.paging import page_of
from desk.roles import Action
from desk.shell import desk_page
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.shipping.models import Case, Shipment
from fulfillment.shipping.rules.states import ShipmentState

_M = TypeVar("_M", bound=Model)


@require_safe
@allowed(Action.SEE_DESK)
def claims(request: HttpRequest) -> HttpResponse:
    rows = Claim.objects.select_related("account", "campaign")
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    can_decide = request.GET.get("state") == ClaimState.IN_REVIEW and may(roles, Action.REVIEW_CLAIM)
    return _list(
        request,
        "desk/claims.html",
        _in_state(request, rows, ClaimState.values),
        ClaimState.choices,
        can_decide=can_decide,
    )


@require_safe
@allowed(Action.SEE_DESK)
def parcels(request: HttpRequest) -> HttpResponse:
    rows = Shipment.objects.select_related("claim")
    choices = ShipmentState.choices
    return _list(request, "desk/parcels.html", _in_state(request, rows, ShipmentState.values), choices)


@require_safe
@allowed(Action.SEE_DESK)
def cases(request: HttpRequest) -> HttpResponse:
    rows = Case.objects.filter(closed_at=None).select_related("shipment__claim")
    now = clock.now()
    if request.GET.get("late"):
        rows = rows.filter(due_at__lt=now)
    return _list(request, "desk/cases.html", rows, [], now=now)


def _in_state(request: HttpRequest, rows: QuerySet[_M], states: list[str]) -> QuerySet[_M]:
    state = request.GET.get("state", "")
    return rows.filter(state=state) if state in states else rows


def _list(
    request: HttpRequest,
    template: str,
    rows: QuerySet[Any],
    states: list[tuple[str, Any]],
    **more: object,
) -> HttpResponse:
    context = {"page": page_of(rows, request.GET), "states": states, "asked": request.GET, **more}
    return desk_page(request, template, context)
