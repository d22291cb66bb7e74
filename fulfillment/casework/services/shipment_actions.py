"""Actions on shipment cases. Each is one transaction and adds a case entry.

Actions that end a case close it with their outcome. All raise UnknownCase (no open case with that code),
CaseTaken (another person works on it) and ActionNotAvailable (not available for this reason). All take
`record`, which is called last in the same transaction, to write the audit entry.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Model, QuerySet

from config.jobs import defer
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseAction, CaseOutcome
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.cases.services import Record, add_entry, close_case, locked_case, unaudited
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.claims.errors import NothingToReplace, TooLate
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim, change_address_in_transaction
from fulfillment.claims.services.payment_callbacks import request_undeliverable_refund
from fulfillment.claims.services.replacements import grant_replacement
from fulfillment.claims.services.shipment_callbacks import report_problem
from fulfillment.postage.rules.customs import is_filing_number
from fulfillment.postage.services.label_refunds import write_label_off
from fulfillment.postage.services.shipment_planning import plan_again, plan_return
from fulfillment.shipments.errors import ReturnUnderWay
from fulfillment.shipments.models import ParcelUnit, Shipment
from fulfillment.shipments.rules.states import RETURNABLE_STATES, ShipmentState
from fulfillment.shipments.services.cases import shipment_of
from fulfillment.shipments.services.split_shipments import others_of
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address, store_address
from inventory.rules import Account, Reason
from inventory.services.movements import move

_A, _O = CaseAction, CaseOutcome


# When the case of a redirected parcel is due again.
REDIRECTED_FOR = timedelta(days=7)


def close_shipment_case(
    *, code: str, outcome: CaseOutcome, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Close a case with an outcome. For a parcel without a label, buying is then tried again.

    With the outcome "not sent", the claim is cancelled unless other parcels of it are in progress: its keys
    go to the next in line, and its payment is refunded.

    Raises: BadCaseData: the claim is on hold and the label must be destroyed first.
    """
    with locked_case(code, _A.CLOSE, actor=actor, record=record) as case:
        _require_label_destroyed(case)
        close_case(case, outcome=outcome, actor=actor, note=note, now=now)
    if outcome == _O.NOT_SENT:
        _cancel_claim_of(case, actor=actor, now=now)
    return case


def fix_address(
    *, code: str, address: PostalAddress, actor: str, now: datetime, record: Record = unaudited
) -> Case:
    """Correct the address, within the same country, and send.

    Raises: TooLate: a label of the claim is bought, the claim is closed, or the country differs.
    """
    with locked_case(code, _A.FIX_ADDRESS, actor=actor, record=record, lock_first=_claim_of(code)) as case:
        claim = shipment_of(case).claim
        change_address_in_transaction(code=claim.code, address=address, actor=actor, now=now)
        add_entry(case, _A.FIX_ADDRESS, actor=actor, now=now)
        close_case(case, outcome=_O.ADDRESS_FIXED, actor=actor, now=now)
        _request_label(case)
    _plan_label_of(case, now=now)
    return case


def buy_label_again(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Try to buy the label again. Raises: TooLate: the parcel has left."""
    with locked_case(code, _A.RESEND, actor=actor, record=record) as case:
        _check_here(case)
        add_entry(case, _A.RESEND, actor=actor, note=note, now=now)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
        _request_label(case)
    _plan_label_of(case, now=now)
    return case


def approve_postage(
    *, code: str, cents: int, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Approve postage above the region's ceiling, up to an amount in US cents, and send.

    Raises: BadCaseData: no amount. TooLate.
    """
    with locked_case(code, _A.APPROVE_POSTAGE, actor=actor, record=record) as case:
        _check_here(case)
        if not 0 < cents <= 1_000_000:
            raise BadCaseData("cents", "Approve between 1 cent and 10,000 dollars.")
        Shipment.objects.filter(pk=shipment_of(case).pk).update(approved_cents=cents)
        add_entry(case, _A.APPROVE_POSTAGE, actor=actor, note=note, now=now, cents=cents)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
        _request_label(case)
    _plan_label_of(case, now=now)
    return case


def give_customs_data(
    *,
    code: str,
    actor: str,
    now: datetime,
    filing: str = "",
    tax_id: str = "",
    note: str = "",
    record: Record = unaudited,
) -> Case:
    """Add customs data: the number of an export filing (ITN), or the recipient's tax id.

    The tax id is stored in the vault with the address. If there is no label yet, the parcel is then sent; if
    it has left, the case waits for the carrier.

    Raises: BadCaseData: neither is given, or the filing number is invalid.
    """
    with locked_case(code, _A.GIVE_CUSTOMS_DATA, actor=actor, record=record) as case:
        if filing and not is_filing_number(filing):
            raise BadCaseData("filing", "A filing number is X and 14 digits, such as X20220711123456.")
        if not filing and not tax_id and not note:
            raise BadCaseData(
                "filing", "Enter a filing number, a tax id, or a note of what customs received."
            )
        if filing:
            Shipment.objects.filter(pk=shipment_of(case).pk).update(export_filing=filing)
        if tax_id:
            _keep_tax_id(shipment_of(case).claim.code, tax_id, actor=actor, now=now)
        given = [name for name, value in (("filing", filing), ("tax_id", tax_id)) if value]
        add_entry(case, _A.GIVE_CUSTOMS_DATA, actor=actor, note=note, now=now, given=given)
        if shipment_of(case).state == ShipmentState.PLANNED:
            close_case(case, outcome=_O.CUSTOMS_GIVEN, actor=actor, note=note, now=now)
            _request_label(case)
    _plan_label_of(case, now=now)
    return case


def give_return_label(
    *,
    code: str,
    actor: str,
    now: datetime,
    cents: int | None = None,
    note: str = "",
    record: Record = unaudited,
) -> Case:
    """Buy a return label; the maintainer is notified when it can be printed. The case stays open.

    Args:   cents: approved postage in US cents; None for the outbound limit.
    Raises: TooLate: the parcel has not left, or is returning. ReturnUnderWay: there is a return label.
    """
    with locked_case(code, _A.RETURN_LABEL, actor=actor, record=record) as case:
        shipment = Shipment.objects.select_for_update(no_key=True).get(pk=shipment_of(case).pk)
        if shipment.state not in RETURNABLE_STATES:
            raise TooLate(shipment_of(case).claim.code)
        if plan_return(shipment, approved_cents=cents or 0, now=now) is None:
            raise ReturnUnderWay(shipment.code)
        add_entry(
            case, _A.RETURN_LABEL, actor=actor, note=note, now=now, **({"cents": cents} if cents else {})
        )
        if case.reason == CaseReason.NO_RETURN:
            close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
    return case


def redirect(
    *, code: str, reference: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Record that the carrier was asked to redirect the parcel; the case is due again in a week.

    Args: reference: the carrier's reference of the request.
    """
    with locked_case(code, _A.REDIRECT, actor=actor, record=record) as case:
        add_entry(case, _A.REDIRECT, actor=actor, note=note, now=now, reference=reference[:80])
        case.due_at = now + REDIRECTED_FOR
        case.save(update_fields=["due_at"])
        report_problem(shipment_of(case).claim, problem="the carrier has been asked to redirect it", now=now)
    return case


def claim_insurance(
    *,
    code: str,
    reference: str,
    cents: int,
    actor: str,
    now: datetime,
    note: str = "",
    record: Record = unaudited,
) -> Case:
    """Record an insurance claim filed elsewhere; the case stays open until it is paid or refused.

    Args: reference: the insurer's reference of the claim. cents: the amount claimed, in US cents.
    """
    with locked_case(code, _A.CLAIM_INSURANCE, actor=actor, record=record) as case:
        if cents <= 0 or not reference.strip():
            raise BadCaseData("reference", "Enter the insurer's reference and the amount.")
        add_entry(
            case, _A.CLAIM_INSURANCE, actor=actor, note=note, now=now, reference=reference[:80], cents=cents
        )
    return case


def replace_keys(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> tuple[Case, Claim]:
    """Create a replacement claim for the parcel's keys, and close the case.

    Each key is replaced once, across all cases. The replacement uses the eligibility decision of the original
    claim, is accepted or waits in line, and ships like any other claim.

    Returns: the case and the replacement claim.
    Raises:  NothingToReplace: the keys were replaced before, or are still here. Shredded: no address is left.
    """
    with locked_case(code, _A.REPLACE, actor=actor, record=record) as case:
        if shipment_of(case).state in (
            ShipmentState.PLANNED,
            ShipmentState.LABELLED,
            ShipmentState.CANCELLED,
        ):
            raise NothingToReplace(shipment_of(case).claim.code)
        rows = ParcelUnit.objects.filter(shipment=shipment_of(case).pk).select_related("unit")
        granted = grant_replacement(
            code=shipment_of(case).claim.code,
            serials=[row.unit.serial for row in rows],
            why=case.code,
            actor=actor,
            now=now,
            same_model=False,
        )
        add_entry(case, _A.REPLACE, actor=actor, note=note, now=now, claim=granted.code)
        close_case(case, outcome=_O.REPLACED, actor=actor, note=note, now=now)
    return case, granted


def write_off(*, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited) -> Case:
    """Write the parcel off: its keys are moved to lost, unless they were delivered or returned.

    Raises: TooLate: the parcel has not left.
    """
    with locked_case(code, _A.WRITE_OFF, actor=actor, record=record) as case:
        shipment = shipment_of(case)
        if shipment.state in (ShipmentState.PLANNED, ShipmentState.LABELLED, ShipmentState.CANCELLED):
            raise TooLate(shipment.claim.code)
        rows = ParcelUnit.objects.filter(shipment=shipment).select_related("unit")
        out = [row.unit for row in rows if row.unit.account == Account.IN_TRANSIT]
        if out:
            move(units=out, to_account=Account.LOST, reason=Reason.LOSE, actor=actor, now=now)
        Shipment.objects.filter(
            pk=shipment.pk, state__in=[ShipmentState.IN_TRANSIT, ShipmentState.RETURNING]
        ).update(state=ShipmentState.LOST, updated_at=now)
        # If keys were delivered, or other parcels of the claim will be, staff decide on a partial refund.
        if shipment.state != ShipmentState.DELIVERED and not _others_arrive(shipment):
            request_undeliverable_refund(shipment.claim)
        add_entry(case, _A.WRITE_OFF, actor=actor, note=note, now=now)
        close_case(case, outcome=_O.WRITTEN_OFF, actor=actor, note=note, now=now)
    return case


def give_up_label(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Write off a label whose refund was refused: its postage is lost, the parcel is unpacked and stays here.

    Raises: LabelNotRefundable: the parcel has left, or is on a manifest.
    After commit: a claim on hold is checked again, because a lost dispute may now end it; any other claim
                  gets a new label.
    """
    with locked_case(code, _A.GIVE_UP_LABEL, actor=actor, record=record, lock_first=_claim_of(code)) as case:
        claim = shipment_of(case).claim
        lost = write_label_off(claim=claim, shipment_id=shipment_of(case).pk, now=now)
        add_entry(case, _A.GIVE_UP_LABEL, actor=actor, note=note, now=now, cents=lost.cost_cents or 0)
        close_case(case, outcome=_O.LABEL_LOST, actor=actor, note=note, now=now)
        if claim.held_at is None:
            _request_label(case)
    return case


def _require_label_destroyed(case: Case) -> None:
    """Keep the case open while the claim is on hold and its label must be destroyed."""
    shipment = shipment_of(case)
    if (
        case.reason == CaseReason.REFUND_REFUSED
        and shipment.claim.held_at is not None
        and shipment.state == ShipmentState.LABELLED
    ):
        raise BadCaseData("outcome", "The claim is on hold and has this label. Destroy the label first.")


def _cancel_claim_of(case: Case, *, actor: str, now: datetime) -> None:
    try:
        cancel_claim(code=shipment_of(case).claim.code, actor=actor, now=now)
    except TooLate:
        pass  # The claim has other parcels in progress, or was cancelled before.


def _claim_of(code: str) -> QuerySet[Model]:
    """The claim of a case's shipment, to be locked before the case."""
    return Claim.objects.filter(pk__in=Case.objects.filter(code=code).values("shipment__claim"))


def _others_arrive(shipment: Shipment) -> bool:
    return others_of(shipment).exclude(state__in=[ShipmentState.LOST, ShipmentState.BACK]).exists()


def _check_here(case: Case) -> None:
    if shipment_of(case).state != ShipmentState.PLANNED:
        raise TooLate(shipment_of(case).claim.code)


def _request_label(case: Case) -> None:
    """Defer the job that plans parcels and buys labels of an accepted claim."""
    defer(SHIP_CLAIM, claim_id=shipment_of(case).claim_id)


def _plan_label_of(case: Case, *, now: datetime) -> None:
    """Plan the label of this parcel alone if other parcels of its claim are in progress."""
    plan_again(shipment_id=shipment_of(case).pk, now=now)


def _keep_tax_id(claim_code: str, tax_id: str, *, actor: str, now: datetime) -> None:
    address = open_address(subject=claim_code, purpose=Purpose.SUPPORT, actor=actor, now=now)
    store_address(subject=claim_code, address=replace(address, tax_id=tax_id.strip()[:40]), now=now)
