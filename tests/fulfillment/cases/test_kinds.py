"""Actions of one kind of case are not accepted for the other."""

from datetime import datetime

import pytest

from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import ACTIONS
from fulfillment.cases.rules.reasons import CaseKind, CaseReason
from fulfillment.payments.services.cases import open_payment_case
from tests.desk.conftest import (
    StaffWith,
    _security_keys_are_tested_elsewhere,  # noqa: F401
    _sign_ins_are_not_recorded,  # noqa: F401
    make_staff,  # noqa: F401
    staff_with,  # noqa: F401
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("action", sorted(ACTIONS[CaseKind.SHIPMENT] - ACTIONS[CaseKind.PAYMENT]))
def test_a_payment_case_takes_no_action_of_a_shipment(
    action: str,
    staff_with: StaffWith,
    now: datetime,
) -> None:
    open_payment_case(about="po_unknown", reason=CaseReason.UNKNOWN_MONEY, now=now)
    case = Case.objects.get()
    answer = staff_with(Role.REVIEWER).post(
        f"/desk/cases/money/{case.code}/work/",
        {"action": action, "seen": 0, "name": "A", "street1": "B", "city": "C"},
    )
    assert answer.status_code == 422
    assert not case.entries.exists()
