"""File claims for the insured value of lost or damaged parcels, and follow them to a decision.

    filing ─ sent ─→ submitted ⇄ needs action ─→ approved (the payment is booked) or rejected
       └ no response: looked up by its tracking code; not found: failed, and a person files it again

Attachments go to the insurer and are not stored here, so a failed claim cannot be retried automatically.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseAction
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.cases.services import Record, add_entry, locked_case, unaudited
from fulfillment.claims.services.shipment_callbacks import ACTOR
from fulfillment.documents.statement_of_value import ParcelValue, ValueLine, statement_of_value
from fulfillment.postage.gateways.insurers import ClaimEvidence, FiledClaim, InsuranceGateway, Loss
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.errors import ClaimedAlready, InsurerRefused, InsurerSilent, NotInsured
from fulfillment.shipments.models import InsuranceClaim, LabelPurchase, ParcelCharge
from fulfillment.shipments.origin import sender_at
from fulfillment.shipments.rules.insurance_claims import (
    ASK_AGAIN_AFTER,
    CLOCKS_DIFFER,
    DEAD_INSURANCE_STATES,
    FOR_A_PERSON,
    LOOK_FOR_AFTER,
    PERSON_WITHIN,
    UNDECIDED,
    InsuranceState,
    LossKind,
    insurance_state_of,
)
from fulfillment.shipments.rules.states import LABEL_STATES
from fulfillment.shipments.services.cases import open_case, shipment_of
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.shipping")

_S = InsuranceState


def file_claim(
    *,
    code: str,
    kind: LossKind,
    cents: int,
    note: str,
    letters: Sequence[ClaimEvidence],
    pictures: Sequence[ClaimEvidence],
    insurers: InsuranceGateway,
    actor: str,
    now: datetime,
    record: Record = unaudited,
) -> Case:
    """File a claim for the insured value of a case's parcel, with evidence of the loss.

    A statement of value is generated and attached. The case stays open until the claim is paid or rejected;
    the decision is recorded in it.

    Args:   note: what happened, for the insurer. cents: the amount claimed, in US cents.
            letters: messages of the maintainer or the carrier. pictures: required for damage.
    Raises: NotInsured. ClaimedAlready. BadCaseData: something is missing, or the amount is too high.
            InsurerRefused: the claim was not accepted. InsurerSilent: no response; see `follow_claims`.
    """
    with locked_case(code, CaseAction.FILE_CLAIM, actor=actor, record=record) as case:
        purchase = _insured(case)
        _check(purchase, kind=kind, cents=cents, note=note, letters=letters, pictures=pictures)
        claim = InsuranceClaim.objects.create(
            purchase=purchase, case=case, kind=kind, requested_cents=cents, actor=actor, filed_at=now
        )
        add_entry(case, CaseAction.FILE_CLAIM, actor=actor, note=note, now=now, kind=str(kind), cents=cents)
    loss = Loss(
        tracking_code=purchase.tracking_code,
        kind=str(kind),
        cents=cents,
        description=note,
        contact_email=parseaddr(settings.ENVIRONMENT.mail_from)[1],
        letters=letters,
        invoices=[ClaimEvidence(statement_of_value(_parcel_value(purchase)), "application/pdf")],
        pictures=pictures,
    )
    try:
        filed = insurers.file_claim(loss)
    except GatewayError as error:
        if error.failure is Failure.UNKNOWN:
            raise InsurerSilent(code) from None
        _settle(claim, _S.FAILED, said=error.code, now=now)
        raise InsurerRefused(code, error.code) from None
    record_insurer_state(claim, filed, now=now)
    return case


def follow_claims(*, insurers: InsuranceGateway, now: datetime) -> int:
    """Ask the insurer about every undecided claim; return how many."""
    lost = Q(state=_S.FILING, filed_at__lte=now - LOOK_FOR_AFTER)
    open_ = Q(state__in=sorted(UNDECIDED - {_S.FILING})) & (
        Q(checked_at__isnull=True) | Q(checked_at__lte=now - ASK_AGAIN_AFTER)
    )
    claims = list(InsuranceClaim.objects.filter(lost | open_).select_related("purchase"))
    for claim in claims:
        try:
            follow_claim(claim, insurers=insurers, now=now)
        except GatewayError as error:
            logger.warning("insurance claim %s: %s", claim.pk, error.code)
    return len(claims)


def follow_claim(claim: InsuranceClaim, *, insurers: InsuranceGateway, now: datetime) -> None:
    """Ask the insurer for the state of a claim and record it. Raises: GatewayError: no response."""
    if claim.vendor_claim_id:
        record_insurer_state(claim, insurers.retrieve_claim(claim.vendor_claim_id), now=now)
        return
    known = set(InsuranceClaim.objects.filter(purchase=claim.purchase_id).values_list("vendor_claim_id"))
    for filed in insurers.claims_since(claim.filed_at - CLOCKS_DIFFER):
        if filed.tracking_code == claim.purchase.tracking_code and (filed.id,) not in known:
            record_insurer_state(claim, filed, now=now)
            return
    _settle(claim, _S.FAILED, said="not found at the insurer", now=now)


def refresh_claim(*, vendor_claim_id: str, insurers: InsuranceGateway, now: datetime) -> bool:
    """After an event about a claim, ask the insurer for its state; return whether it is ours.

    Raises: GatewayError.
    """
    claim = InsuranceClaim.objects.filter(vendor_claim_id=vendor_claim_id).first()
    if claim is None:
        return False
    follow_claim(claim, insurers=insurers, now=now)
    return True


def record_insurer_state(claim: InsuranceClaim, filed: FiledClaim, *, now: datetime) -> None:
    """Record the insurer's state of a claim; book a payment once."""
    state = insurance_state_of(filed.status, approved_cents=filed.approved_cents)
    approved = min(filed.approved_cents or 0, claim.requested_cents) if state is _S.APPROVED else None
    _settle(claim, state, said=filed.status, now=now, vendor_claim_id=filed.id, approved_cents=approved)


def _settle(
    claim: InsuranceClaim,
    state: InsuranceState,
    *,
    said: str,
    now: datetime,
    vendor_claim_id: str | None = None,
    approved_cents: int | None = None,
) -> None:
    """Change the state of a claim, note it in its case, and book the payment.

    Locks: the claim's row, so that a webhook and a poll at the same time take effect once.
    """
    with transaction.atomic(durable=True):
        mine = InsuranceClaim.objects.select_for_update(no_key=True).get(pk=claim.pk)
        if not _may_become(mine, state):
            if mine.state in UNDECIDED:
                InsuranceClaim.objects.filter(pk=mine.pk).update(checked_at=now)
            return
        mine.state, mine.checked_at = state, now
        mine.vendor_claim_id = mine.vendor_claim_id or vendor_claim_id
        mine.approved_cents = approved_cents
        mine.save(update_fields=["state", "checked_at", "vendor_claim_id", "approved_cents"])
        if approved_cents:
            _book(mine, approved_cents, now=now)
        _note_in_case(mine, said=said, now=now)


def _may_become(claim: InsuranceClaim, state: InsuranceState) -> bool:
    if claim.state == state or claim.state not in {*UNDECIDED, _S.REJECTED}:
        return False
    if claim.state != _S.REJECTED:
        return True
    others = InsuranceClaim.objects.filter(purchase=claim.purchase_id).exclude(
        state__in=sorted(DEAD_INSURANCE_STATES)
    )
    return state is _S.APPROVED and not others.exists()


def _book(claim: InsuranceClaim, cents: int, *, now: datetime) -> None:
    """Book the payment into the label wallet, with the claim's id as the invoice number."""
    assert claim.vendor_claim_id, "a paid claim has the insurer's id"
    ParcelCharge.objects.create(
        purchase_id=claim.purchase_id,
        kind=ParcelCharge.Kind.COMPENSATION,
        cents=-cents,
        currency="USD",
        bill=claim.vendor_claim_id,
        actor=ACTOR,
        recorded_at=now,
    )


def _note_in_case(claim: InsuranceClaim, *, said: str, now: datetime) -> None:
    """Note the insurer's state in the case; if a person must act, make the case due or open another."""
    case = (
        Case.objects.select_for_update(of=("self",), no_key=True)
        .select_related("shipment")
        .get(pk=claim.case_id)
    )
    values: dict[str, Any] = {"claim": claim.vendor_claim_id, "paid_cents": claim.approved_cents}
    data = {name: value for name, value in values.items() if value}
    add_entry(case, CaseAction.FILE_CLAIM, actor=ACTOR, now=now, insurer=said, **data)
    if case.closed_at is None:
        if claim.state in {*FOR_A_PERSON, _S.APPROVED}:
            case.due_at = min(case.due_at, now + PERSON_WITHIN)
            case.save(update_fields=["due_at"])
    elif claim.state in FOR_A_PERSON:
        open_case(
            shipment=shipment_of(case),
            reason=CaseReason.INSURANCE,
            detail=f"{claim.vendor_claim_id or 'claim'} {said}",
            now=now,
        )


def _insured(case: Case) -> LabelPurchase:
    """The outbound label of the case's parcel, locked so that two people cannot claim for it at once."""
    bought = LabelPurchase.objects.outbound().filter(
        shipment=case.shipment_id, state__in=sorted(LABEL_STATES)
    )
    purchase = bought.select_for_update(no_key=True).order_by("-generation").first()
    if purchase is None or not purchase.insured_cents:
        raise NotInsured(shipment_of(case).code)
    live = InsuranceClaim.objects.filter(purchase=purchase).exclude(state__in=sorted(DEAD_INSURANCE_STATES))
    if live.exists():
        raise ClaimedAlready(shipment_of(case).code)
    return purchase


def _parcel_value(purchase: LabelPurchase) -> ParcelValue:
    """The value of the packed keys, with the same amounts as in customs declarations. Two queries."""
    shipment = purchase.shipment
    counted = Counter(unit.key_model for unit in shipment.units.select_related("key_model").order_by("id"))
    sender = sender_at(shipment.warehouse).address
    assert purchase.bought_at is not None, "an insured label has a purchase date"
    return ParcelValue(
        parcel=shipment.code,
        carrier=f"{purchase.carrier} {purchase.service}",
        tracking_code=purchase.tracking_code,
        bought_on=f"{purchase.bought_at:%-d %B %Y}",
        insured_cents=purchase.insured_cents,
        sender=sender.company or sender.name,
        lines=[ValueLine(many, model.name, model.customs_value_cents) for model, many in counted.items()],
    )


def _check(
    purchase: LabelPurchase,
    *,
    kind: LossKind,
    cents: int,
    note: str,
    letters: Sequence[ClaimEvidence],
    pictures: Sequence[ClaimEvidence],
) -> None:
    if not 0 < cents <= purchase.insured_cents:
        dollars = f"{purchase.insured_cents // 100}.{purchase.insured_cents % 100:02d}"
        raise BadCaseData("cents", f"The parcel is insured for US$ {dollars}. Enter that amount or less.")
    if not note.strip():
        raise BadCaseData("note", "Enter what happened. The insurer sees it.")
    if not letters:
        raise BadCaseData(
            "letter", "Attach a message of the maintainer or the carrier, as a PDF or a picture."
        )
    if kind == LossKind.DAMAGE and not pictures:
        raise BadCaseData("picture", "Attach a picture of the damage. The insurer requires one.")
