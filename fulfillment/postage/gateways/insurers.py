"""EasyPost insurance claims.

https://docs.easypost.com/docs/insurance/claims
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from fulfillment.postage.gateways import parsing
from fulfillment.postage.gateways.easypost import PAGE_SIZE, EasyPostGateway
from fulfillment.shipments.carrier import CarrierGateway

Json = dict[str, Any]


@dataclass(frozen=True)
class ClaimEvidence:
    """A file for the insurer, with its type detected from its bytes. Its repr shows no content."""

    content: bytes = field(repr=False)
    media_type: str

    def as_url(self) -> str:
        return f"data:{self.media_type};base64,{b64encode(self.content).decode()}"


@dataclass(frozen=True)
class Loss:
    """What is claimed: `kind` in the insurer's terms, the amount and the evidence.

    letters: from the recipient or the carrier. invoices: proof of value. pictures: required
    for damage.
    """

    tracking_code: str
    kind: str
    cents: int
    description: str = field(repr=False)
    contact_email: str = field(repr=False)
    letters: Sequence[ClaimEvidence]
    invoices: Sequence[ClaimEvidence]
    pictures: Sequence[ClaimEvidence] = ()


@dataclass(frozen=True)
class FiledClaim:
    """A claim as the insurer reports it, without free text, which may name people."""

    id: str
    status: str
    tracking_code: str
    approved_cents: int | None


class InsuranceGateway(Protocol):
    """The insurer's API. Methods make one call and raise only GatewayError."""

    def file_claim(self, loss: Loss) -> FiledClaim:
        """File a claim. Not idempotent: check `claims_since` when the answer was lost."""
        ...

    def retrieve_claim(self, claim_id: str) -> FiledClaim: ...

    def claims_since(self, since: datetime) -> Sequence[FiledClaim]:
        """Claims filed since then, newest first; at most one page of a hundred."""
        ...


class EasyPostInsurance:
    """InsuranceGateway with the client, errors and timeouts of the carrier gateway."""

    def __init__(self, gateway: EasyPostGateway) -> None:
        self._gateway = gateway

    def file_claim(self, loss: Loss) -> FiledClaim:
        asked: Json = {
            "tracking_code": loss.tracking_code,
            "type": loss.kind,
            "amount": parsing.cents_of_dollars(loss.cents),
            "description": loss.description,
            "contact_email": loss.contact_email,
            "email_evidence_attachments": [one.as_url() for one in loss.letters],
            "invoice_attachments": [one.as_url() for one in loss.invoices],
            "supporting_documentation_attachments": [one.as_url() for one in loss.pictures],
        }
        return self._gateway._ask(lambda client: client.claim.create(**asked), self._claim)

    def retrieve_claim(self, claim_id: str) -> FiledClaim:
        checked = parsing.read_id(claim_id, "clm")
        return self._gateway._ask(lambda client: client.claim.retrieve(checked), self._claim)

    def claims_since(self, since: datetime) -> Sequence[FiledClaim]:
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._gateway._ask(
            lambda client: client.claim.all(page_size=PAGE_SIZE, start_datetime=start),
            lambda body: [self._claim(one) for one in body["claims"]],
        )

    def _claim(self, body: Mapping[str, Any]) -> FiledClaim:
        self._gateway._check_mode(dict(body))
        approved = body.get("approved_amount")
        return FiledClaim(
            id=parsing.read_id(body["id"], "clm"),
            status=str(body["status"])[:40],
            tracking_code=str(body["tracking_code"]),
            approved_cents=None if approved is None else parsing.read_cents(approved),
        )


def insurers_of(gateway: CarrierGateway) -> InsuranceGateway:
    """The insurance gateway that belongs to this carrier gateway."""
    assert isinstance(gateway, EasyPostGateway), "the one vendor there is"
    return EasyPostInsurance(gateway)
