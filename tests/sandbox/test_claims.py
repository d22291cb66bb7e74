"""The stand-in's insurance claims: who can file, and how they end."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Control
from tests.sandbox.vendor import ApiError

FILE = "data:application/pdf;base64,JVBERi0="
# What a real answer to a filed claim holds.
KEYS = {
    "approved_amount", "attachments", "check_delivery_address", "contact_email", "created_at", "description",
    "history", "id", "insurance_amount", "insurance_id", "mode", "object", "payment_method", "recipient_name",
    "requested_amount", "salvage_value", "shipment_id", "status", "status_detail", "status_timestamp",
    "tracking_code", "type", "updated_at",
}  # fmt: skip


@pytest.fixture
def lost(client: Any, bought: Callable[..., Any]) -> dict[str, Any]:
    """What a claim on an insured label says."""
    shipment = client.shipment.insure(bought().id, amount="100")
    return {
        "tracking_code": shipment["tracking_code"], "type": "loss", "amount": "100.00", "description": "gone",
        "contact_email": "desk@example.org", "email_evidence_attachments": [FILE], "invoice_attachments": [FILE],
    }  # fmt: skip


def test_a_claim_is_reviewed_and_paid_into_the_wallet(
    client: Any, control: Control, lost: dict[str, Any]
) -> None:
    control.settings(wallet_cents=100_000)
    before = control.state()["wallet_cents"]
    filed = client.claim.create(**lost)
    assert filed.to_dict().keys() == KEYS
    assert (filed["status"], filed["approved_amount"], len(filed["attachments"])) == ("submitted", None, 2)
    control.advance(86_400 + 60)
    assert client.claim.retrieve(filed.id)["status"] == "in_review"
    control.advance(86_400 * 5)
    (paid,) = client.claim.all()["claims"]
    assert (paid["status"], paid["approved_amount"]) == ("approved", "100.00")
    assert [line["status"] for line in paid["history"]] == ["approved", "in_review", "submitted"]
    assert control.state()["wallet_cents"] == before + 10_000
    seen = [event["description"] for event in client.event.all()["events"]]
    assert [one for one in seen if one.startswith("claim.")] == [
        "claim.approved", "claim.updated", "claim.submitted"
    ]  # fmt: skip


def test_one_that_is_withdrawn_is_not_paid(client: Any, control: Control, lost: dict[str, Any]) -> None:
    filed = client.claim.create(**lost)
    assert client.claim.cancel(filed.id)["status"] == "cancelled"
    control.advance(86_400 * 6)
    assert client.claim.retrieve(filed.id)["approved_amount"] is None
    with pytest.raises(ApiError, match="decided"):
        client.claim.cancel(filed.id)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"tracking_code": "123"}, 404),
        ({"amount": "100.01"}, 422),
        ({"type": "boredom"}, 422),
        ({"type": "damage"}, 422),
        ({"invoice_attachments": []}, 422),
        ({"email_evidence_attachments": ["data:image/png;base64,!"]}, 422),
        ({"email_evidence_attachments": ["data:text/html;base64,JVBERi0="]}, 422),
    ],
)
def test_what_is_not_covered_or_not_proved_is_refused(
    client: Any, lost: dict[str, Any], changed: dict[str, Any], status: int
) -> None:
    with pytest.raises(ApiError) as refusal:
        client.claim.create(**{**lost, **changed})
    assert refusal.value.http_status == status
    assert client.claim.all()["claims"] == []
