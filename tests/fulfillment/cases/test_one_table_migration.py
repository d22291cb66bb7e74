"""The cases of shipments and payments, migrated from a table each to the one table, and back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from fulfillment.cases.rules.reasons import CaseKind, CaseReason
from fulfillment.cases.services import add_note
from fulfillment.payments.services.cases import open_payment_case, settle_payment_case
from fulfillment.shipments.models import InsuranceClaim, LabelPurchase
from fulfillment.shipments.services.cases import open_case
from tests.conftest import MakeClaim
from tests.fulfillment.warehouse.scans import Floor

pytestmark = pytest.mark.django_db(transaction=True)

_OLD = [("shipping", "0013_insurance_claims"), ("payments", "0003_money_cases_are_worked"), ("cases", None)]
_COLUMNS = "code, reason, detail, owner, opened_at, due_at, closed_at, closed_by, outcome"
_ENTRIES = "code, action, actor, at, note, data"


def migrate(targets: list[tuple[str, str | None]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


def to_the_newest() -> None:
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.fixture
def _forward_again() -> Iterator[None]:
    yield
    to_the_newest()


def rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def told(table: str, entries: str, kind: str = "") -> list[Any]:
    only = f" WHERE kind = '{kind}'" if kind else ""
    return rows(f"SELECT {_COLUMNS} FROM {table}{only} ORDER BY code") + rows(
        f"SELECT {_ENTRIES} FROM {entries} AS entry JOIN {table} ON {table}.id = entry.case_id{only} ORDER BY code, entry.id"
    )


@pytest.mark.usefixtures("_forward_again")
def test_rows_of_both_kinds_survive_the_way_back_and_forth(
    campaign: Any, stock: None, make_claim: MakeClaim, now: Any
) -> None:
    parcel = Floor(campaign, now).label(make_claim())
    open_case(shipment=parcel, reason=CaseReason.LOST, detail="failure lost", now=now)
    lost = parcel.cases.get()
    add_note(code=lost.code, note="Asked the carrier.", actor="staff:kim", now=now)
    claim = InsuranceClaim.objects.create(
        purchase=LabelPurchase.objects.get(),
        case=lost,
        kind="loss",
        requested_cents=100,
        actor="x",
        filed_at=now,
    )
    for about in ("po_1", "po_2"):
        open_payment_case(about=about, reason=CaseReason.UNKNOWN_MONEY, detail="100 usd", now=now)
    settle_payment_case(about="po_2", reason=CaseReason.UNKNOWN_MONEY, outcome="refunded", now=now)
    shipments, payments = (told("cases_case", "cases_caseentry", kind.value) for kind in CaseKind)
    assert (len(shipments), len(payments)) == (2, 3)

    migrate(_OLD)
    assert told("shipping_case", "shipping_caseentry") == shipments
    assert told("payments_paymentcase", "payments_paymentcaseentry") == payments
    assert rows("SELECT case_id FROM shipping_insuranceclaim") == rows("SELECT id FROM shipping_case")

    to_the_newest()
    assert told("cases_case", "cases_caseentry", "shipment") == shipments
    assert told("cases_case", "cases_caseentry", "payment") == payments
    claim.refresh_from_db()
    assert claim.case.code == lost.code
    assert open_payment_case(about="po_3", reason=CaseReason.UNKNOWN_MONEY, now=now), (
        "ids go on after the copies"
    )
