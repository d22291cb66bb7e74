"""Two people at one parcel, and one scan sent many times at once: real threads on the real database."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from fulfillment.postage.invariants import labels_given_back_stay_here
from fulfillment.postage.services import label_refunds
from fulfillment.shipments.errors import ParcelTaken
from fulfillment.shipments.models import FloorScan, LabelPurchase, ParcelUnit, Shipment
from fulfillment.shipments.rules.manifests import excluded_parcels
from fulfillment.warehouse.services import manifests, packing
from fulfillment.warehouse.services.idempotent_scans import ScanAnswer
from inventory.models import Movement
from inventory.services import movements
from tests.conftest import MakeClaim
from tests.fulfillment.warehouse.scans import OTHER, PACKER, Floor, serials

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parcel(campaign: Any, make_claim: MakeClaim, stock: None, now: datetime) -> Shipment:
    return Floor(campaign, now).label(make_claim())


def at_once(*works: Callable[[], ScanAnswer]) -> list[ScanAnswer | Exception]:
    """Run these in threads that start together; what each answered or raised, in order."""
    ready = threading.Barrier(len(works))
    results: list[ScanAnswer | Exception] = [Exception("did not run")] * len(works)

    def run(place: int, work: Callable[[], ScanAnswer]) -> None:
        try:
            connection.ensure_connection()
            ready.wait(10)
            results[place] = work()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_one_scan_sent_eight_times_at_once_counts_once(parcel: Shipment, now: datetime) -> None:
    serial = serials(parcel)[0]
    scan: dict[str, Any] = {
        "key": "scan-0001",
        "label": parcel.code,
        "serial": serial,
        "actor": PACKER,
        "now": now,
    }
    answers = at_once(*[lambda: packing.pack_unit(**scan)] * 8)
    assert [type(answer) for answer in answers] == [ScanAnswer] * 8
    assert sum(not answer.is_repeat for answer in answers if isinstance(answer, ScanAnswer)) == 1
    assert FloorScan.objects.count() == 1
    assert Movement.objects.filter(reason="pack").count() == 1


def two_packers(parcel: Shipment, *, now: datetime) -> list[ScanAnswer | Exception]:
    one, two = serials(parcel)
    return at_once(
        lambda: packing.pack_unit(key="scan-0001", label=parcel.code, serial=one, actor=PACKER, now=now),
        lambda: packing.pack_unit(key="scan-0002", label=parcel.code, serial=two, actor=OTHER, now=now),
    )


@pytest.fixture
def both_have_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold each packer, between looking at the parcel and changing it, until both have looked (or 2 s)."""
    looked = threading.Barrier(2)
    check = movements.check_move

    def held(*args: Any, **kwargs: Any) -> None:
        try:
            looked.wait(2)
        except threading.BrokenBarrierError:
            pass
        check(*args, **kwargs)

    monkeypatch.setattr(movements, "check_move", held)


def test_of_two_packers_at_one_parcel_one_is_refused(
    parcel: Shipment, both_have_looked: None, now: datetime
) -> None:
    results = two_packers(parcel, now=now)
    assert sorted(type(result).__name__ for result in results) == ["ParcelTaken", "ScanAnswer"]
    assert ParcelUnit.objects.filter(packed_at__isnull=False).count() == 1
    assert any(isinstance(result, ParcelTaken) for result in results)


def test_without_the_parcels_lock_both_would_pack_it(
    parcel: Shipment, both_have_looked: None, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    from django.db.models import QuerySet

    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)
    results = two_packers(parcel, now=now)
    assert [type(result).__name__ for result in results] == ["ScanAnswer", "ScanAnswer"]
    assert set(ParcelUnit.objects.values_list("packed_by", flat=True)) == {PACKER, OTHER}


class _Vendor:
    """Takes every refund; the race is over before it is asked."""

    def request_refund(self, shipment_id: str) -> str:
        return "submitted"


def leaves_while_its_refund_is_asked_for(
    parcel: Shipment, monkeypatch: pytest.MonkeyPatch, *, now: datetime
) -> tuple[str, bool]:
    """What became of a label, and whether its parcel is on a manifest, when both were asked for at once."""
    for number, serial in enumerate(serials(parcel)):
        packing.pack_unit(key=f"scan-{number:04}", label=parcel.code, serial=serial, actor=PACKER, now=now)
    packing.seal_parcel(key="scan-seal", label=parcel.code, seal_number="SEAL-0001", actor=PACKER, now=now)
    looked, asked = threading.Event(), threading.Event()
    check = excluded_parcels

    def held(*args: Any, **given: Any) -> Any:
        looked.set()
        asked.wait(2)
        return check(*args, **given)

    monkeypatch.setattr(manifests, "excluded_parcels", held)
    purchase_id = LabelPurchase.objects.get(shipment=parcel).pk

    def ask() -> Any:
        looked.wait(10)
        try:
            return label_refunds.request_refund(purchase_id=purchase_id, gateway=_Vendor(), now=now)  # type: ignore[arg-type]
        finally:
            asked.set()

    at_once(
        lambda: manifests.make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False),  # type: ignore[arg-type, return-value]
        ask,
    )
    parcel.refresh_from_db()
    return LabelPurchase.objects.get(shipment=parcel).state, parcel.manifest_id is not None


def test_a_parcel_does_not_leave_with_a_label_that_is_given_back_at_the_same_moment(
    parcel: Shipment, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    assert leaves_while_its_refund_is_asked_for(parcel, monkeypatch, now=now) == ("bought", True)


def test_without_the_lock_it_would(parcel: Shipment, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    from django.db.models import QuerySet

    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)
    assert leaves_while_its_refund_is_asked_for(parcel, monkeypatch, now=now) == ("refund_requested", True)
    assert [one.ids for one in labels_given_back_stay_here()[1]] == [[parcel.code]]
