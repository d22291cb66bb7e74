"""How things stand, for Today: a fixed number of queries, each bounded however much there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob

from config import health
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.models import RefusedWebhook, Webhook
from fulfillment.shipping.models import Case, Shipment
from fulfillment.shipping.rules.states import ShipmentState
from inventory.selectors import open_alerts, outlook

# Nobody works differently for the ten thousandth; counting stops here.
AT_MOST = 999
JOB_WAITS = timedelta(minutes=5)
REFUSED_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Count:
    """So many of something, and the list of them. `more` says that counting stopped there."""

    label: str
    number: int
    url: str
    is_wrong: bool = False
    query: str = ""

    @property
    def text(self) -> str:
        return f"{AT_MOST}+" if self.number > AT_MOST else str(self.number)


@dataclass(frozen=True)
class Stock:
    """One key model: how many keys are left and for how many days, None when none are taken."""

    sku: str
    available: int
    days_left: float | None
    is_low: bool


@dataclass(frozen=True)
class Standing:
    """What waits for somebody, what is late, what is wrong, and how long the keys last."""

    waiting: Sequence[Count]
    late: Sequence[Count]
    wrong: Sequence[Count]
    stock: Sequence[Stock]
    unwell: Sequence[tuple[str, str]]

    @property
    def is_quiet(self) -> bool:
        return not (
            any(count.number for count in (*self.waiting, *self.late, *self.wrong))
            or self.unwell
            or any(one.is_low for one in self.stock)
        )


def standing(*, now: datetime) -> Standing:
    """How things stand at a moment."""
    open_cases = Case.objects.filter(closed_at=None)
    jobs = ProcrastinateJob.objects.all()
    return Standing(
        waiting=[
            _count("Claims to review", _claims(ClaimState.IN_REVIEW), "claims", "state=in_review"),
            _count("Claims on the waitlist", _claims(ClaimState.WAITLISTED), "claims", "state=waitlisted"),
            _count("Parcels to pick and pack", _parcels(), "parcels", "state=labelled"),
            _count("Open cases", open_cases, "cases"),
        ],
        late=[
            _count("Cases past their time", open_cases.filter(due_at__lt=now), "cases", "late=1", wrong=True),
            _count(
                "Jobs waiting over five minutes",
                jobs.filter(status="todo", scheduled_at__lt=now - JOB_WAITS),
                "health",
                wrong=True,
            ),
            _count(
                "Webhooks not worked",
                Webhook.objects.filter(outcome=None, received_at__lt=now - JOB_WAITS),
                "health",
                wrong=True,
            ),
        ],
        wrong=[
            _count("Jobs that failed", jobs.filter(status="failed"), "health", wrong=True),
            _count(
                "Webhooks refused today",
                RefusedWebhook.objects.filter(refused_at__gt=now - REFUSED_WITHIN),
                "health",
                wrong=True,
            ),
        ],
        stock=_stock(now),
        unwell=[
            (name, found["finding"]) for name, found in health.check_all(now=now).items() if not found["ok"]
        ],
    )


def _count(label: str, rows: QuerySet[Any], url: str, query: str = "", *, wrong: bool = False) -> Count:
    number = rows.order_by()[: AT_MOST + 1].count()
    return Count(label, number, f"desk:{url}", is_wrong=wrong and number > 0, query=query)


def _claims(state: ClaimState) -> QuerySet[Claim]:
    return Claim.objects.filter(state=state)


def _parcels() -> QuerySet[Shipment]:
    return Shipment.objects.filter(state=ShipmentState.LABELLED, handed_over_at=None)


def _stock(now: datetime) -> list[Stock]:
    alerts = {alert.key_model.sku for alert in open_alerts()}
    return [
        Stock(sku, expected.available, expected.days_left, sku in alerts)
        for sku, expected in outlook(now=now).items()
    ]
