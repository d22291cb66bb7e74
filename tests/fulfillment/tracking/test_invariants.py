"""What `verify` finds when something went round the services. The database refuses the rest of it."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from common import invariants
from fulfillment.models import Webhook
from fulfillment.postage import gateways
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from sandbox.rehearsal.periodic_jobs import WEEKLY, run_periodic_job
from tests.fulfillment.conftest import Plan

pytestmark = pytest.mark.django_db


def broken() -> set[str]:
    return {found.invariant for found in invariants.verify_all().violations}


def test_a_parcel_labelled_without_a_label_breaks_i5(plan: Plan) -> None:
    plan()
    Shipment.objects.update(state=ShipmentState.LABELLED)
    assert broken() == {"I5"}


def test_a_parcel_moved_without_the_carriers_word_breaks_i12(bought: LabelPurchase) -> None:
    Shipment.objects.update(state=ShipmentState.IN_TRANSIT)
    assert broken() == {"I12"}


def test_the_database_refuses_a_second_live_purchase(bought: LabelPurchase, now: datetime) -> None:
    with pytest.raises(IntegrityError, match="one_live_purchase_per_shipment"), transaction.atomic():
        LabelPurchase.objects.create(
            shipment=bought.shipment,
            generation=2,
            mode="test",
            price_cap_cents=1,
            promised_days=1,
            incoterm="DDP",
            created_at=now,
        )


def test_the_database_refuses_one_vendor_shipment_or_tracking_code_for_two_parcels(
    bought: LabelPurchase, plan: Plan
) -> None:
    other = plan("m-second")
    mine = LabelPurchase.objects.filter(pk=other.pk)
    with pytest.raises(IntegrityError, match="vendor_shipment_id"), transaction.atomic():
        mine.update(vendor_shipment_id=bought.vendor_shipment_id)
    mine.update(state=PurchaseState.CREATED, vendor_shipment_id="shp_other")
    mine.update(state=PurchaseState.BUYING)
    with pytest.raises(IntegrityError, match="one_live_label_per_tracking_code"), transaction.atomic():
        mine.update(
            state=PurchaseState.BOUGHT,
            carrier=bought.carrier,
            tracking_code=bought.tracking_code,
            label_id="pl_other",
            cost_cents=1,
        )


@pytest.mark.parametrize("state", [PurchaseState.PLANNED, PurchaseState.BUYING, PurchaseState.FAILED])
def test_the_database_refuses_to_unbuy_a_label(state: str, bought: LabelPurchase) -> None:
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        LabelPurchase.objects.update(state=state)


def test_a_purchase_is_not_bought_without_code_and_cost(plan: Plan) -> None:
    plan()
    LabelPurchase.objects.update(state=PurchaseState.CREATED, vendor_shipment_id="shp_1")
    LabelPurchase.objects.update(state=PurchaseState.BUYING)
    with pytest.raises(IntegrityError, match="bought_labels_have_code_and_cost"), transaction.atomic():
        LabelPurchase.objects.update(state=PurchaseState.BOUGHT)


def test_a_stored_webhook_never_changes(now: datetime) -> None:
    Webhook.objects.create(
        provider="easypost",
        event_id="evt_1",
        kind="x",
        mode="test",
        occurred_at=now,
        received_at=now,
        body={},
    )
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        Webhook.objects.update(kind="y")
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        Webhook.objects.all().delete()


def test_the_gateway_is_the_one_the_settings_describe_and_made_once() -> None:
    gateway = gateways.carrier_gateway()
    assert (gateway.mode, gateway.timeout) == ("test", timedelta(seconds=5))
    assert gateways.carrier_gateway() is gateway


def test_periodic_jobs_with_nothing_to_do_ask_the_vendor_nothing() -> None:
    # Nobody answers at the address of the test settings, so a call would be an error.
    for job in WEEKLY:
        run_periodic_job(job)
