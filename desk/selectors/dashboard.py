"""The dashboard's numbers: a fixed number of queries, each bounded however many rows there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob

from config import health
from desk.selectors.cached_counts import cached
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.models import RefusedWebhook
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.webhook_backlog import waiting_webhooks
from inventory.models import Count as BinCount
from inventory.models import CountState
from inventory.selectors import open_alerts, outlook
from roster.models import Appeal, PolicyException

# Counting stops here; larger numbers are shown as "999+".
AT_MOST = 999
JOB_WAITS = timedelta(minutes=5)
REFUSED_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class DashboardCount:
    """A number and the link to its list."""

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
class Dashboard:
    """The dashboard: tasks, overdue items, problems and stock."""

    waiting: Sequence[DashboardCount]
    late: Sequence[DashboardCount]
    wrong: Sequence[DashboardCount]
    stock: Sequence[Stock]
    unwell: Sequence[tuple[str, str]]
    well: Sequence[tuple[str, str]]

    @property
    def is_quiet(self) -> bool:
        return not (
            any(count.number for count in (*self.waiting, *self.late, *self.wrong))
            or self.unwell
            or any(one.is_low for one in self.stock)
        )


def dashboard(*, now: datetime) -> Dashboard:
    """Compute the dashboard at a given time."""
    asked = {"waiting": _waiting(now), "late": _late(now), "wrong": _wrong(now)}
    numbers = iter(_numbers([one.rows for group in asked.values() for one in group]))
    groups = {name: [one.counted(next(numbers)) for one in group] for name, group in asked.items()}
    found = [(name.replace("_", " "), check) for name, check in health.check_all(now=now).items()]
    return Dashboard(
        **groups,
        stock=_stock(now),
        unwell=[(name, check["finding"]) for name, check in found if not check["ok"]],
        well=[(name, check["finding"]) for name, check in found if check["ok"]],
    )


@dataclass(frozen=True)
class _Asked:
    """A query to count."""

    label: str
    rows: QuerySet[Any]
    url: str
    query: str = ""
    is_wrong: bool = False

    def counted(self, number: int) -> DashboardCount:
        return DashboardCount(
            self.label, number, f"desk:{self.url}", is_wrong=self.is_wrong and number > 0, query=self.query
        )


def _waiting(now: datetime) -> list[_Asked]:
    return [
        _Asked("Claims to review", _claims(ClaimState.IN_REVIEW), "claims", "state=in_review"),
        _Asked("Claims on the waitlist", _claims(ClaimState.WAITLISTED), "claims", "state=waitlisted"),
        _Asked("Parcels to pick and pack", _parcels(), "parcels", "state=labelled"),
        _Asked("Open cases", Case.objects.open().of_kind(CaseKind.SHIPMENT), "cases"),
        _Asked("Open payment cases", Case.objects.open().of_kind(CaseKind.PAYMENT), "payment_cases"),
        _Asked("Appeals to answer", Appeal.objects.filter(state=Appeal.State.OPEN), "second_names"),
        _Asked(
            "Exceptions to approve",
            PolicyException.objects.awaiting_a_second_name(now),
            "second_names",
        ),
        _Asked("Counts to approve", BinCount.objects.filter(state=CountState.COUNTED), "counts"),
    ]


def _late(now: datetime) -> list[_Asked]:
    overdue = Case.objects.open().filter(due_at__lt=now)
    payments = overdue.of_kind(CaseKind.PAYMENT)
    jobs = ProcrastinateJob.objects.filter(status="todo", scheduled_at__lt=now - JOB_WAITS)
    webhooks = waiting_webhooks(now=now).filter(received_at__lt=now - JOB_WAITS)
    return [
        _Asked("Overdue cases", overdue.of_kind(CaseKind.SHIPMENT), "cases", "late=1", is_wrong=True),
        _Asked(
            "Overdue payment cases",
            payments,
            "payment_cases",
            "late=1",
            is_wrong=True,
        ),
        _Asked("Jobs waiting over five minutes", jobs, "health", is_wrong=True),
        _Asked("Webhooks not processed", webhooks, "health", is_wrong=True),
    ]


def _wrong(now: datetime) -> list[_Asked]:
    failed = ProcrastinateJob.objects.filter(status="failed")
    refused = RefusedWebhook.objects.filter(refused_at__gt=now - REFUSED_WITHIN)
    return [
        _Asked("Failed jobs", failed, "health", is_wrong=True),
        _Asked("Webhooks refused today", refused, "health", is_wrong=True),
    ]


def _numbers(asked: Sequence[QuerySet[Any]]) -> Sequence[int]:
    """The number of rows of each, counted up to the limit; one query for all."""
    parts: list[str] = []
    values: list[Any] = []
    for rows in asked:
        sql, given = rows.order_by().values("pk")[: AT_MOST + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) counted)")  # noqa: S608 - the ORM's own
        values += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        row: Sequence[int] = cursor.fetchone()
    return row


def _claims(state: ClaimState) -> QuerySet[Claim]:
    return Claim.objects.filter(state=state)


def _parcels() -> QuerySet[Shipment]:
    return Shipment.objects.filter(state=ShipmentState.LABELLED, handed_over_at=None)


def _stock(now: datetime) -> list[Stock]:
    alerts = {alert.key_model.sku for alert in open_alerts()}
    return [
        Stock(sku, expected.available, expected.days_left, sku in alerts)
        for sku, expected in cached("outlook", lambda: outlook(now=now)).items()
    ]
