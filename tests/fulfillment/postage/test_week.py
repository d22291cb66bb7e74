"""A week at the desk and what came of it: lists, scans, a manifest, and all that can become of parcels.

Labels are bought, printed, manifested, refunded and tracked at the stand-in, by the vendor's real client; the
money is compared with the stand-in's own ledger, and `verify` looks at everything in the end.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.invariants import verify_all
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseOutcome
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.casework.services import shipment_actions
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.submission import submit_claim
from fulfillment.documents.parcel_documents import Sheet
from fulfillment.notices.models import Notice
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.gateways.scan_forms import forms_of
from fulfillment.postage.services import printing
from fulfillment.postage.services.label_files import fetch_label
from fulfillment.postage.services.label_refunds import check_refunds, request_refund
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.errors import NotToPack
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.tracking.services.carrier_events import ask_silent_trackers
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse import selectors as floor_reads
from fulfillment.warehouse.services import manifests, packing, picking, returns
from inventory.models import Unit
from sandbox.client import Control
from tests.conftest import receive
from tests.fulfillment.conftest import WORKER
from tests.fulfillment.documents.test_parcel_documents import KYOTO
from tests.fulfillment.warehouse.scans import PACKER, people, serials

pytestmark = pytest.mark.django_db

CHIEF = "staff:chief"


class Desk:
    """The desk of the test: what its people and workers do, at its own time."""

    def __init__(self, gateway: EasyPostGateway, vendor: Control, *, campaign: Any, now: datetime) -> None:
        self.gateway, self.vendor, self.campaign, self.now = gateway, vendor, campaign, now

    def later(self, **ahead: float) -> None:
        self.now += timedelta(**ahead)
        self.vendor.advance_to(self.now)

    def claim(self, name: str, address: PostalAddress) -> Claim:
        return submit_claim(
            campaign=self.campaign, username=name, items=[], address=address, actor="staff", now=self.now
        )

    def buy(self, claim: Claim) -> LabelPurchase:
        """What the workers do for an accepted claim."""
        planned = ship_claim(claim_id=claim.pk, now=self.now)
        assert planned is not None
        buy_label(purchase_id=planned.pk, gateway=self.gateway, worker=WORKER, now=self.now)
        bought = LabelPurchase.objects.get(pk=planned.pk)
        if bought.state == "bought":
            fetch_label(purchase_id=bought.pk, gateway=self.gateway, now=self.now)
        return bought

    def pack_everything(self) -> list[Shipment]:
        """One walk: pick by bin, print, pack and seal each parcel, and hand all over by carrier."""
        made = picking.make_pick_list(actor=CHIEF, now=self.now)
        picking.take_pick_list(code=made.code, actor=PACKER, now=self.now)
        for line in floor_reads.pick_route(made.code).lines:
            key = f"{made.code}.{line.serial}"
            picking.pick(key=key, pick_list=made.code, serial=line.serial, actor=PACKER, now=self.now)
        codes = printing.codes_of_list(made.code)
        pdf = printing.print_parcels(parcels=codes, sheet=Sheet.LABEL, actor=PACKER, now=self.now)
        assert pdf.startswith(b"%PDF-")
        parcels = list(Shipment.objects.filter(pick_list=made).order_by("created_at", "pk"))
        for parcel in parcels:
            self._pack(parcel)
        for one in floor_reads.work_waiting().to_hand_over:
            manifest = manifests.make_manifest(carrier=one.carrier, actor=PACKER, now=self.now).manifest
            if manifest.has_form:
                forms = forms_of(self.gateway)
                assert manifests.make_form(manifest_id=manifest.pk, forms=forms, now=self.now) == "ready"
            manifests.hand_over_manifest(code=manifest.code, actor=PACKER, now=self.now)
        return parcels

    def _pack(self, parcel: Shipment) -> None:
        label = LabelPurchase.objects.get(shipment=parcel, state="bought").tracking_code
        for number, serial in enumerate(serials(parcel)):
            # Each scan is sent twice, as over a bad network.
            for _ in range(2):
                packing.pack_unit(
                    key=f"{parcel.code}.{number}", label=label, serial=serial, actor=PACKER, now=self.now
                )
        packing.seal_parcel(
            key=f"{parcel.code}.seal",
            label=label,
            seal_number=Shipment.objects.get(pk=parcel.pk).seal_number,
            actor=PACKER,
            now=self.now,
        )

    def carrier_says(self, parcel: Shipment, status: str, detail: str = "status_update") -> None:
        label = LabelPurchase.objects.get(shipment=parcel, state="bought")
        self.vendor.push(label.tracker_id, status, status_detail=detail)

    def listen(self) -> None:
        """Days without webhooks: the workers ask about every parcel under way."""
        self.later(days=3)
        ask_silent_trackers(gateway=self.gateway, now=self.now)

    def case(self, parcel: Shipment, reason: CaseReason) -> str:
        return Case.objects.get(shipment=parcel, reason=reason, closed_at=None).code


@pytest.fixture
def desk(gateway: EasyPostGateway, vendor: Control, campaign: Any, now: datetime) -> Desk:
    receive(now=now, each=20)
    # Parcels go where they are pushed, at this test's pace.
    vendor.settings(journey="realistic")
    return Desk(gateway, vendor, campaign=campaign, now=now)


def test_a_week_at_the_desk_adds_up(desk: Desk, address: PostalAddress, tmp_path: Path) -> None:
    names = people(tmp_path, 7, now=desk.now)
    near, gone, back, far, moved, changed, fine = (
        desk.claim(name, KYOTO if number == 3 else address) for number, name in enumerate(names)
    )

    # Monday: labels are bought. The vendor cannot print one address, and it is corrected.
    desk.vendor.add_fault(
        "status", path="/shipments/*/buy", moment="before", status=422, code="SHIPMENT.POSTAGE.ASCII", times=1
    )
    refused = desk.buy(moved)
    assert refused.state == "failed"
    shipment_actions.fix_address(
        code=desk.case(refused.shipment, CaseReason.ADDRESS),
        address=replace(address, street1="1 Ferry Building"),
        actor=CHIEF,
        now=desk.now,
    )
    for claim in (near, gone, back, far, moved, changed, fine):
        assert desk.buy(claim).state == "bought"

    # One is not to be sent after all: its label is asked back before it is packed.
    unused = LabelPurchase.objects.get(shipment__claim=changed, state="bought")
    assert request_refund(purchase_id=unused.pk, gateway=desk.gateway, now=desk.now) == "submitted"
    with pytest.raises(NotToPack, match="refund has been requested"):
        packing.pack_unit(
            key="scan-unused",
            label=unused.tracking_code,
            serial=serials(unused.shipment)[0],
            actor=PACKER,
            now=desk.now,
        )

    # Tuesday: the floor.
    packed = pack_all_but(desk, unused.shipment)
    assert len(packed) == 6
    assert floor_reads.work_waiting().to_hand_over == []
    for parcel in packed:
        desk.carrier_says(parcel, "in_transit", "departed_facility")
    desk.listen()
    assert {parcel.state for parcel in Shipment.objects.filter(pk__in=[one.pk for one in packed])} == {
        "in_transit"
    }

    # The carrier delivers some, loses one, sends one back, and one is held by customs.
    parcel_of = {parcel.claim_id: parcel for parcel in packed}
    for claim in (near, moved, fine):
        desk.carrier_says(parcel_of[claim.pk], "delivered", "arrived_at_destination")
    desk.carrier_says(parcel_of[gone.pk], "failure", "lost")
    desk.carrier_says(parcel_of[back.pk], "return_to_sender", "refused")
    desk.carrier_says(parcel_of[far.pk], "in_transit", "awaiting_information")
    desk.listen()
    told = Notice.objects.filter(template="problem").values_list("claim_code", flat=True)
    assert set(told) >= {gone.code, back.code, far.code, moved.code}

    # Each of these is a case, and each case is worked to its end.
    shipment_actions.give_customs_data(
        code=desk.case(parcel_of[far.pk], CaseReason.DELIVERY_PROBLEM),
        actor=CHIEF,
        now=desk.now,
        note="sent them the ruling",
    )
    lost = desk.case(parcel_of[gone.pk], CaseReason.LOST)
    shipment_actions.claim_insurance(code=lost, reference="clm-1", cents=5800, actor=CHIEF, now=desk.now)
    _, instead_of_lost = shipment_actions.replace_keys(code=lost, actor=CHIEF, now=desk.now)
    taken = returns.receive_return(
        label=parcel_of[back.pk].code, serials=serials(parcel_of[back.pk]), actor=PACKER, now=desk.now
    )
    assert len(taken.quarantined) == 2
    returned = desk.case(parcel_of[back.pk], CaseReason.RETURNED)
    _, instead_of_back = shipment_actions.replace_keys(code=returned, actor=CHIEF, now=desk.now)

    # The replacements go like any other parcel, and arrive with the one that customs held.
    for claim in (instead_of_lost, instead_of_back):
        assert desk.buy(claim).state == "bought"
    again = pack_all_but(desk, unused.shipment)
    assert len(again) == 2
    for parcel in again:
        desk.carrier_says(parcel, "in_transit", "departed_facility")
    desk.carrier_says(parcel_of[far.pk], "delivered", "arrived_at_destination")
    desk.listen()
    for parcel in again:
        desk.carrier_says(parcel, "delivered", "arrived_at_destination")
    desk.listen()

    # The refund is granted after its fifteen days; then the claim can be cancelled.
    desk.later(days=10)
    assert check_refunds(gateway=desk.gateway, now=desk.now) == 1
    cancel_claim(code=changed.code, actor="claimant", now=desk.now)
    for case in Case.objects.filter(closed_at=None):
        shipment_actions.close_shipment_case(
            code=case.code, outcome=CaseOutcome.NO_FAULT, actor=CHIEF, now=desk.now
        )

    delivered = {near.code, moved.code, fine.code, far.code, instead_of_lost.code, instead_of_back.code}
    assert set(Claim.objects.filter(state="delivered").values_list("code", flat=True)) == delivered
    assert Unit.objects.filter(account="delivered").count() == 12
    assert Unit.objects.filter(account="quarantine").count() == 2
    assert Unit.objects.filter(account="lost").count() == 2
    assert_money_adds_up(desk)
    assert verify_all().violations == []


def pack_all_but(desk: Desk, unused: Shipment) -> list[Shipment]:
    """Pack what waits; a parcel whose label is being refunded is never put onto a list."""
    packed = desk.pack_everything()
    assert unused.pk not in {parcel.pk for parcel in packed}
    return packed


def assert_money_adds_up(desk: Desk) -> None:
    """To the cent: what we say we paid and got back is what the vendor's ledger says it took and gave."""
    paid = LabelPurchase.objects.filter(bought_at__isnull=False)
    given_back = paid.filter(state="refunded")
    theirs = desk.vendor.state()
    assert theirs["labels_bought"] == paid.count() == 9
    assert sum(row.cost_cents or 0 for row in paid) == theirs["spent_cents"]
    assert sum(row.rate_cents or 0 for row in given_back) == theirs["refunded_cents"] > 0
    by_code = {row["tracking_code"]: row["cost_cents"] for row in desk.vendor.labels()}
    assert {row.tracking_code: row.cost_cents for row in paid} == by_code
