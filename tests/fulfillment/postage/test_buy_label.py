"""From an accepted claim to a label: the plain way, against the real client and the stand-in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import pytest

from common import invariants
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from sandbox.client import Control
from tests.conftest import MakeClaim
from tests.fulfillment.conftest import (
    Buy,
    Plan,
    accounts_of,
    labels_bought,
    movements_of,
    waiting_jobs,
)

pytestmark = pytest.mark.django_db


def test_an_accepted_claim_becomes_a_parcel_with_its_units_and_a_planned_purchase(
    make_claim: MakeClaim, stock: None, now: datetime
) -> None:
    claim = make_claim()
    purchase = ship_claim(claim_id=claim.pk, now=now)
    assert purchase is not None
    assert purchase.state == PurchaseState.PLANNED
    assert purchase.shipment.units.count() == 2
    assert Claim.objects.get(pk=claim.pk).label_started_at == now
    assert waiting_jobs("shipping.buy_label") == [{"purchase_id": str(purchase.pk)}]


def test_a_claim_is_made_a_parcel_of_once(make_claim: MakeClaim, stock: None, now: datetime) -> None:
    claim = make_claim()
    assert ship_claim(claim_id=claim.pk, now=now) is not None
    assert ship_claim(claim_id=claim.pk, now=now) is None
    assert Shipment.objects.count() == 1


def test_a_label_is_bought_and_everything_moves_with_it(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    purchase = buy(plan())
    claim = purchase.shipment.claim
    assert purchase.state == PurchaseState.BOUGHT
    assert purchase.shipment.state == ShipmentState.LABELLED
    assert purchase.tracking_code
    assert purchase.tracker_id.startswith("trk_")
    assert purchase.buy_attempts == 1
    assert purchase.lease_until is None
    assert accounts_of(claim) == ["reserved", "reserved"]
    assert movements_of(claim) == ["receive", "reserve"]
    event = claim.events.get(name=ClaimEvent.Name.LABEL_BOUGHT)
    assert event.data["cost_cents"] == purchase.cost_cents
    assert waiting_jobs("shipping.fetch_label") == [{"purchase_id": str(purchase.pk)}]
    assert labels_bought(vendor, purchase.pk) == 1
    assert vendor.state()["spent_cents"] == purchase.cost_cents
    assert invariants.verify_all().violations == []


def test_a_label_takes_few_statements(
    plan: Plan, buy: Buy, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    planned = plan()
    # Six commits, five reads and what makes the label known; a savepoint stands for the outermost commit.
    with django_assert_max_num_queries(18):
        assert buy(planned).state == PurchaseState.BOUGHT
