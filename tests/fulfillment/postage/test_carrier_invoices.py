"""What parcels cost after their labels were bought: refunds, insurance, and carriers' bills."""

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, transaction
from django.db.models import Sum

from common.errors import InputErrors
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.carrier_invoices import import_carrier_bill
from fulfillment.postage.services.label_refunds import check_refunds, request_refund
from fulfillment.shipments.models import LabelPurchase, ParcelCharge
from reports.redemption import redemption_report
from sandbox.client import Control
from tests.flushing import _flush_past_the_triggers  # noqa: F401

pytestmark = pytest.mark.django_db
HEADER = "tracking_code,kind,amount,currency,bill\n"


@pytest.fixture
def bill(tmp_path: Path, bought: LabelPurchase) -> Path:
    """Duties, a correction upwards and what the insurer paid, for one parcel."""
    code = bought.tracking_code
    path = tmp_path / "bill.csv"
    path.write_text(
        f"{HEADER}{code},duty,17.40,USD,B-1\n{code},adjustment,0.5,USD,B-1\n{code},compensation,-58,USD,B-1\n"
    )
    return path


def test_a_bill_is_written_down_once_and_reported(bought: LabelPurchase, bill: Path, now: datetime) -> None:
    later = now + timedelta(days=14)
    before = redemption_report(campaign_slug="keys-2022", as_of=later)["costs"]["sending"]
    first = import_carrier_bill(path=bill, actor="staff:one", now=later + timedelta(seconds=1))
    again = import_carrier_bill(path=bill, actor="staff:one", now=later + timedelta(days=1))
    assert (first.recorded, first.known, again.recorded, again.known) == (3, 0, 0, 3)
    assert redemption_report(campaign_slug="keys-2022", as_of=later)["costs"]["sending"] == before
    costs = redemption_report(campaign_slug="keys-2022", as_of=later + timedelta(days=2))["costs"]
    [sending], [programme] = costs["sending"], costs["programme"]
    assert (sending["duties_cents"], sending["adjustments_cents"], sending["compensation_cents"]) == (
        1740,
        50,
        5800,
    )
    assert bought.cost_cents
    assert sending["net_cents"] == programme["cost_cents"] == bought.cost_cents + 1740 + 50 - 5800


def test_postage_that_comes_back_is_booked_and_insurance_is_not(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(journey="realistic")
    request_refund(purchase_id=bought.pk, gateway=gateway, now=now)
    vendor.push(bought.tracking_code, "pre_transit", halt=True)
    later = now + timedelta(days=16)
    vendor.advance_to(later)
    check_refunds(gateway=gateway, now=later)
    check_refunds(gateway=gateway, now=later + timedelta(days=2))
    [charge] = ParcelCharge.objects.filter(purchase=bought)
    assert (charge.kind, charge.currency, charge.recorded_at) == ("label_refund", "USD", later)
    assert -charge.cents == bought.rate_cents == vendor.state()["refunded_cents"]
    [sending] = redemption_report(campaign_slug=None, as_of=later)["costs"]["sending"]
    assert sending["refunds_cents"] == bought.rate_cents
    assert sending["net_cents"] == vendor.state()["spent_cents"] - vendor.state()["refunded_cents"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("NOBODYS1,duty,1.00,USD,B-1", "line 2, field tracking_code: we bought no label 'NOBODYS1'."),
        ("CODE,postage,1.00,USD,B-1", "line 2, field kind: not a kind of charge."),
        ("CODE,duty,1.005,USD,B-1", "line 2, field amount: not a valid amount."),
        ("CODE,duty,-1.00,USD,B-1", "line 2, field amount: what was paid to us is negative"),
        ("CODE,compensation,1.00,USD,B-1", "line 2, field amount: what was paid to us is negative"),
        ("CODE,adjustment,0,USD,B-1", "line 2, field amount: what was paid to us is negative"),
        ("CODE,duty,1.00,usd,B-1", "line 2, field currency: not a currency."),
        ("CODE,duty,1.00,USD,", "line 2, field bill: not an invoice number."),
        ("CODE,duty,1.00,USD,B-1\nCODE,duty,2.00,USD,B-1", "line 3, field kind: line 2 of this bill charges"),
    ],
)
def test_a_bill_with_a_fault_is_refused_whole(
    bought: LabelPurchase, tmp_path: Path, now: datetime, line: str, complaint: str
) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(HEADER + line.replace("CODE", bought.tracking_code) + "\n")
    with pytest.raises(InputErrors) as caught:
        import_carrier_bill(path=path, actor="staff:one", now=now)
    assert complaint in str(caught.value)
    assert not ParcelCharge.objects.exists()


def test_the_command_says_what_it_did(bill: Path) -> None:
    out = StringIO()
    call_command("import_carrier_bill", str(bill), "--json", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue()) == {"recorded": 3, "known": 0}
    with pytest.raises(CommandError) as caught:
        call_command("import_carrier_bill", str(bill.with_name("none.csv")))
    assert caught.value.returncode == 2


def test_charges_stay_and_are_what_they_say(bought: LabelPurchase, bill: Path, now: datetime) -> None:
    import_carrier_bill(path=bill, actor="staff:one", now=now)
    with pytest.raises(ProgrammingError), transaction.atomic():
        ParcelCharge.objects.update(cents=1)
    with pytest.raises(ProgrammingError), transaction.atomic():
        ParcelCharge.objects.all().delete()
    assert ParcelCharge.objects.aggregate(sum=Sum("cents"))["sum"] == 1740 + 50 - 5800
