"""Search for a person, project, claim, parcel or key by what was typed or scanned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse

from desk.roles import Action
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind
from fulfillment.claims.models import Claim
from fulfillment.payments.models import Payment
from fulfillment.shipments.models import LabelPurchase, Shipment
from inventory.models import Unit
from roster.files.names import normalized
from roster.models import Account, Project

# The most results shown; beyond that the query must be longer.
AT_MOST = 10
LONGEST = 80


@dataclass(frozen=True)
class SearchResult:
    """A search result: kind, name, state, and the action needed to open it."""

    kind: str
    name: str
    url: str
    action: Action


def search_all(query: str) -> list[SearchResult]:
    """Objects whose code, serial or tracking code is the text, or whose name begins with it.

    A fixed number of queries, each by an index.
    """
    text = query.strip()
    # No name or code is longer, and the database takes no NUL.
    if not text or len(text) > LONGEST or "\x00" in text:
        return []
    return [hit for look in _LOOKS for hit in look(text)]


def _claims(text: str) -> Iterator[SearchResult]:
    for claim in Claim.objects.filter(code=text.upper()):
        yield SearchResult("Claim", claim.code, reverse("desk:claim", args=[claim.code]), Action.SEE_PERSON)


def _parcels(text: str) -> Iterator[SearchResult]:
    # Queried separately: one query for both would scan every parcel.
    bought = (
        LabelPurchase.objects.filter(tracking_code=text)
        .exclude(tracking_code="")
        .values_list("shipment_id", flat=True)
    )
    found = Shipment.objects.filter(Q(code=text.upper()) | Q(pk__in=list(bought[:AT_MOST])))
    for parcel in found.select_related("claim")[:AT_MOST]:
        url = reverse("desk:claim", args=[parcel.claim.code])
        yield SearchResult("Parcel", parcel.code, url, Action.SEE_PERSON)


_CASES = {
    CaseKind.SHIPMENT: ("desk:case", "Case"),
    CaseKind.PAYMENT: ("desk:payment_case", "Payment case"),
}


def _cases(text: str) -> Iterator[SearchResult]:
    for case in Case.objects.filter(code=text.upper()):
        page, label = _CASES[CaseKind(case.kind)]
        yield SearchResult(label, case.code, reverse(page, args=[case.code]), Action.SEE_DESK)


def _payments(text: str) -> Iterator[SearchResult]:
    """Search by the ids shown on the vendor's pages and in the payer's email."""
    named = Q(code=text.upper()) | Q(payment_intent_id=text) | Q(charge_id=text) | Q(session_id=text)
    for payment in Payment.objects.filter(named).select_related("claim")[:AT_MOST]:
        url = reverse("desk:claim", args=[payment.claim.code])
        yield SearchResult("Payment", payment.code, url, Action.SEE_PERSON)


def _units(text: str) -> Iterator[SearchResult]:
    for unit in Unit.objects.filter(serial=text.upper()):
        yield SearchResult("Key", unit.serial, reverse("desk:unit", args=[unit.serial]), Action.SEE_DESK)


def _people(text: str) -> Iterator[SearchResult]:
    names = Account.objects.annotate(lower_username=Lower("username"))
    begins = names.filter(lower_username__startswith=text.lower()).order_by("lower_username")
    for account in begins[:AT_MOST]:
        url = reverse("desk:person", args=[account.username])
        yield SearchResult("Maintainer", account.username, url, Action.SEE_PERSON)


def _projects(text: str) -> Iterator[SearchResult]:
    begins = Project.objects.filter(normalized_name__startswith=normalized(text))
    for project in begins.order_by("normalized_name")[:AT_MOST]:
        url = reverse("desk:project", args=[project.normalized_name])
        yield SearchResult("Project", project.name, url, Action.SEE_PERSON)


_LOOKS: tuple[Callable[[str], Iterator[SearchResult]], ...] = (
    _claims,
    _parcels,
    _cases,
    _payments,
    _units,
    _people,
    _projects,
)
