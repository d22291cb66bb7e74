"""Manifests: the six rules beforehand, the carrier's form through the vendor's real client, the hand-over."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from common.invariants import verify_all
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.gateways.scan_forms import FormGateway, forms_of
from fulfillment.postage.services.label_refunds import request_refund
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments import errors
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.shipments.rules.manifests import Candidate, excluded_parcels
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse.services import packing
from fulfillment.warehouse.services.manifests import (
    check_forms,
    hand_over_manifest,
    make_form,
    make_manifest,
    remove_from_manifest,
)
from sandbox.client import Control
from sandbox.easypost.resources.rates import ACCOUNTS
from tests.fulfillment.conftest import Buy
from tests.fulfillment.warehouse.scans import PACKER, Floor, people, serials, tracking_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def forms(gateway: EasyPostGateway) -> FormGateway:
    return forms_of(gateway)


@pytest.fixture
def sealed(
    campaign: object, stock: None, buy: Buy, tmp_path: Path, address: PostalAddress, now: datetime
) -> Callable[[int], list[Shipment]]:
    """Parcels of so many people, their labels really bought at the stand-in, packed and sealed."""

    def sealed(number: int) -> list[Shipment]:
        floor = Floor(campaign, now)  # type: ignore[arg-type]
        parcels = []
        for name in people(tmp_path, number, now=now):
            purchase = ship_claim(claim_id=floor.claim(name, address).pk, now=now)
            assert purchase is not None
            parcels.append(Shipment.objects.get(pk=buy(purchase).shipment_id))
        for parcel in parcels:
            pack_and_seal(parcel, now=now)
        return parcels

    return sealed


def pack_and_seal(parcel: Shipment, *, now: datetime) -> None:
    label = tracking_code(parcel)
    for number, serial in enumerate(serials(parcel)):
        packing.pack_unit(key=f"{parcel.code}.{number}", label=label, serial=serial, actor=PACKER, now=now)
    packing.seal_parcel(
        key=f"{parcel.code}.seal", label=label, seal_number=f"SEAL-{parcel.pk}", actor=PACKER, now=now
    )


def state_of(manifest: Manifest) -> str:
    manifest.refresh_from_db()
    return manifest.state


def test_sealed_parcels_get_a_form_and_are_handed_over(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, now: datetime
) -> None:
    parcels = sealed(3)
    made = make_manifest(carrier="USPS", actor=PACKER, now=now)
    assert (made.parcels, list(made.left_out)) == (3, [])
    assert make_form(manifest_id=made.manifest.pk, forms=forms, now=now) == "ready"
    made.manifest.refresh_from_db()
    assert bytes(made.manifest.form or b"").startswith(b"%PDF-")
    assert made.manifest.vendor_form_id.startswith("sf_")
    assert hand_over_manifest(code=made.manifest.code, actor=PACKER, now=now) == 3
    # Said twice it counts once.
    assert hand_over_manifest(code=made.manifest.code, actor=PACKER, now=now + timedelta(hours=1)) == 3
    parcels[0].refresh_from_db()
    assert parcels[0].handed_over_at == now
    with pytest.raises(errors.TooLateToUndo):
        packing.undo(key="undo-0001", scan_key=f"{parcels[0].code}.seal", actor=PACKER, now=now)
    with pytest.raises(errors.NothingToHandOver):
        make_manifest(carrier="USPS", actor=PACKER, now=now)


def test_a_form_takes_its_time_and_is_asked_for_once(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, vendor: Control, now: datetime
) -> None:
    sealed(2)
    vendor.settings(scan_form_seconds=120)
    made = make_manifest(carrier="USPS", actor=PACKER, now=now)
    assert make_form(manifest_id=made.manifest.pk, forms=forms, now=now) == "making"
    with pytest.raises(errors.ManifestNotReady):
        hand_over_manifest(code=made.manifest.code, actor=PACKER, now=now)
    vendor.advance(121)
    assert check_forms(forms=forms, now=now + timedelta(seconds=10)) == 1
    assert state_of(made.manifest) == "making", "asked again too soon"
    assert check_forms(forms=forms, now=now + timedelta(seconds=60)) == 1
    assert state_of(made.manifest) == "ready"


@pytest.mark.parametrize("fault", ["drop", "html"])
def test_a_form_whose_answer_was_lost_is_found_on_its_parcel(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, vendor: Control, now: datetime, fault: str
) -> None:
    sealed(2)
    vendor.add_fault(fault, path="/scan_forms", method="POST", moment="after", times=1)
    made = make_manifest(carrier="USPS", actor=PACKER, now=now)
    with pytest.raises(GatewayError):
        make_form(manifest_id=made.manifest.pk, forms=forms, now=now)
    assert state_of(made.manifest) == "making"
    assert make_form(manifest_id=made.manifest.pk, forms=forms, now=now + timedelta(minutes=1)) == "ready"


def test_parcels_that_the_vendor_manifested_go_with_a_list(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, now: datetime
) -> None:
    parcels = sealed(3)
    gone = LabelPurchase.objects.get(shipment=parcels[0]).vendor_shipment_id
    assert gone is not None
    forms.create_form([gone])
    made = make_manifest(carrier="USPS", actor=PACKER, now=now)
    assert make_form(manifest_id=made.manifest.pk, forms=forms, now=now) == "making"
    beside = Manifest.objects.exclude(pk=made.manifest.pk).get()
    assert (beside.state, beside.has_form, beside.shipments.get()) == ("ready", False, parcels[0])
    check_forms(forms=forms, now=now + timedelta(minutes=1))
    assert state_of(made.manifest) == "ready"
    assert made.manifest.shipments.count() == 2


def test_a_throttled_form_fails_and_gives_its_parcels_free(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, vendor: Control, now: datetime
) -> None:
    sealed(1)
    vendor.settings(scan_form_outcome="failed")
    made = make_manifest(carrier="USPS", actor=PACKER, now=now)
    assert make_form(manifest_id=made.manifest.pk, forms=forms, now=now) == "failed"
    vendor.settings(scan_form_outcome="created")
    again = make_manifest(carrier="USPS", actor=PACKER, now=now)
    assert make_form(manifest_id=again.manifest.pk, forms=forms, now=now) == "ready"


def test_a_parcel_can_be_taken_off_until_the_hand_over(
    sealed: Callable[[int], list[Shipment]], now: datetime
) -> None:
    parcels = sealed(2)
    made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False)
    remove_from_manifest(label=parcels[0].code, actor=PACKER, now=now)
    assert hand_over_manifest(code=made.manifest.code, actor=PACKER, now=now) == 1
    with pytest.raises(errors.ManifestNotReady):
        remove_from_manifest(label=parcels[1].code, actor=PACKER, now=now)
    # It can be undone, and go another time.
    packing.undo(key="undo-0001", scan_key=f"{parcels[0].code}.seal", actor=PACKER, now=now)


def test_a_label_whose_money_is_asked_back_goes_on_no_manifest(
    sealed: Callable[[int], list[Shipment]], gateway: EasyPostGateway, now: datetime
) -> None:
    parcels = sealed(2)
    label = LabelPurchase.objects.get(shipment=parcels[0])
    request_refund(purchase_id=label.pk, gateway=gateway, now=now)
    for chosen in (None, [parcel.code for parcel in parcels]):
        made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False, parcels=chosen)
        assert [(one.parcel, one.code) for one in made.left_out] == [(parcels[0].code, "refunded")]
        assert "Take it out of the bag" in made.left_out[0].why
        remove_from_manifest(label=parcels[1].code, actor=PACKER, now=now)
    with pytest.raises(errors.NothingToHandOver):
        make_manifest(carrier="USPS", actor=PACKER, now=now, parcels=[parcels[0].code])
    assert verify_all().violations == []


def test_a_parcel_on_a_manifest_keeps_its_label_until_it_is_taken_off(
    sealed: Callable[[int], list[Shipment]], gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    (parcel,) = sealed(1)
    label = LabelPurchase.objects.get(shipment=parcel)
    made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False)
    with pytest.raises(errors.LabelNotRefundable, match=f"on manifest {made.manifest.code}. Take it off"):
        request_refund(purchase_id=label.pk, gateway=gateway, now=now)
    label.refresh_from_db()
    assert (label.state, vendor.labels()[0]["refund_status"]) == ("bought", None)
    remove_from_manifest(label=parcel.code, actor=PACKER, now=now)
    assert request_refund(purchase_id=label.pk, gateway=gateway, now=now) == "submitted"


def test_a_form_is_of_one_account(now: datetime) -> None:
    ours = [
        Candidate(**{**vars(GOOD), "code": f"S-{number}", "account": f"ca_{number % 2}"})
        for number in range(4)
    ]
    refused = Candidate(**{**vars(GOOD), "account": "ca_9", "is_sealed": False})
    chosen: dict[str, Any] = {"origin": 1, "carrier": "USPS", "mode": "test", "now": now}
    found = excluded_parcels([refused, *ours], has_form=True, **chosen)
    assert [(one.parcel, one.code) for one in found] == [
        ("S-1", "not_sealed"),
        ("S-1", "other_account"),
        ("S-3", "other_account"),
    ]
    # A list of ours goes to the driver, who does not ask for accounts.
    assert len(excluded_parcels(ours, has_form=False, **chosen)) == 0


def test_the_account_of_a_label_is_kept(sealed: Callable[[int], list[Shipment]]) -> None:
    sealed(1)
    assert LabelPurchase.objects.get().carrier_account == ACCOUNTS["USPS"]


GOOD = Candidate(
    code="S-1",
    origin=1,
    carrier="USPS",
    mode="test",
    has_label=True,
    is_refunded=False,
    is_manifested=False,
    is_sealed=True,
    is_held=False,
    label_dated=datetime.fromisoformat("2022-07-11T08:00:00+00:00"),
)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"is_sealed": False}, "not_sealed"),
        ({"has_label": False}, "no_label"),
        ({"is_refunded": True}, "refunded"),
        ({"is_manifested": True}, "on_a_manifest"),
        ({"carrier": "UPS"}, "other_carrier"),
        ({"mode": "production"}, "other_carrier"),
        ({"origin": 2}, "other_origin"),
        # 06:30 UTC is 23:30 of the day before where the vendor's days are counted.
        ({"label_dated": datetime.fromisoformat("2022-07-11T06:30:00+00:00")}, "label_of_yesterday"),
    ],
)
def test_the_rules_of_a_form_are_checked_beforehand(
    change: dict[str, object], code: str | None, now: datetime
) -> None:
    candidate = Candidate(**{**vars(GOOD), **change})
    found = excluded_parcels([candidate], origin=1, carrier="USPS", mode="test", has_form=True, now=now)
    assert [one.code for one in found] == ([code] if code else [])


def test_the_stand_in_refuses_what_the_rules_would_have(
    sealed: Callable[[int], list[Shipment]], forms: FormGateway, vendor: Control, now: datetime
) -> None:
    parcels = sealed(1)
    vendor_id = LabelPurchase.objects.get(shipment=parcels[0]).vendor_shipment_id
    assert vendor_id is not None
    vendor.advance(86_400)
    with pytest.raises(GatewayError, match=r"SCAN_FORM\.CREATE\.FAILURE"):
        forms.create_form([vendor_id])


def test_the_command_makes_the_form_and_says_what_was_left_out(
    sealed: Callable[[int], list[Shipment]],
    gateway: EasyPostGateway,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    now: datetime,
) -> None:
    from common import clock
    from fulfillment.postage import gateways

    monkeypatch.setattr(gateways, "carrier_gateway", lambda: gateway)
    monkeypatch.setattr(clock, "now", lambda: now)
    parcels = sealed(2)
    output, paper = StringIO(), tmp_path / "form.pdf"
    call_command("manifest", carrier="USPS", output=paper, json=True, stdout=output)
    document = json.loads(output.getvalue())
    assert (document["state"], document["parcels"]) == ("ready", 2)
    assert paper.read_bytes().startswith(b"%PDF-")
    output = StringIO()
    call_command("manifest", hand_over=document["manifest"], json=True, stdout=output)
    assert json.loads(output.getvalue())["handed_over"] == len(parcels)
