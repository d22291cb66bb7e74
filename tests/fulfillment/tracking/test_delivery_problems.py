"""A maintainer says that something is wrong with the parcel, and the desk has a case."""

from datetime import datetime, timedelta

import pytest

from common.invariants import verify_all
from fulfillment.cases.models import Case
from fulfillment.claims.errors import NotSent, UnknownClaim
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.services.shipment_callbacks import record_shipped
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.services.cases import shipment_of
from fulfillment.tracking.services.delivery_problems import DeliveryProblem, report_delivery_problem
from tests.conftest import MakeClaim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stock")]


@pytest.fixture
def sent(make_claim: MakeClaim, now: datetime) -> Claim:
    claim = make_claim()
    Shipment.objects.create(claim=claim, created_at=now, updated_at=now)
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=now)
    return claim


@pytest.mark.parametrize("trouble", list(DeliveryProblem))
def test_it_becomes_a_case_with_a_due_time(sent: Claim, trouble: DeliveryProblem, now: datetime) -> None:
    assert report_delivery_problem(claim_code=sent.code, trouble=trouble, actor="maintainer:1", now=now)
    case = Case.objects.get()
    assert (shipment_of(case).claim, str(case.reason)) == (sent, str(trouble))
    assert now < case.due_at <= now + timedelta(days=3)
    event = sent.events.get(name=ClaimEvent.Name.PROBLEM)
    assert (event.state_after, event.data) == ("shipped", {"trouble": str(trouble)})
    assert verify_all().violations == []


def test_said_twice_it_is_one_case(sent: Claim, now: datetime) -> None:
    for news in (True, False):
        said = report_delivery_problem(
            claim_code=sent.code, trouble=DeliveryProblem.DAMAGED, actor="maintainer:1", now=now
        )
        assert said is news
    assert Case.objects.count() == 1
    assert sent.events.filter(name=ClaimEvent.Name.PROBLEM).count() == 1


def test_there_is_nothing_to_say_of_a_parcel_that_was_not_sent(make_claim: MakeClaim, now: datetime) -> None:
    claim = make_claim()
    with pytest.raises(NotSent):
        report_delivery_problem(
            claim_code=claim.code, trouble=DeliveryProblem.NOT_ARRIVED, actor="maintainer:1", now=now
        )
    with pytest.raises(UnknownClaim):
        report_delivery_problem(
            claim_code="C-NONE", trouble=DeliveryProblem.NOT_ARRIVED, actor="maintainer:1", now=now
        )
    assert not Case.objects.exists()
