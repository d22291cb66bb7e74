"""What a person does about a case: each action is one transaction, written down, and moves the parcel on.

Actions that end a case close it with their outcome. All raise UnknownCase (no open case of that code),
CaseTaken (somebody else works it) and NotInThePlaybook (this reason has no such action). All take `record`:
called last in the transaction that acts, so that who keeps a trail of their own keeps all of it or nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Model, QuerySet

from config.jobs import defer
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseAction, CaseOutcome
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.cases.services import Record, close_case, enter, unrecorded, working
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


# A redirected parcel is looked at again after so long.
REDIRECTED_FOR = timedelta(days=7)


def close_shipment_case(
    *, code: str, outcome: CaseOutcome, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """Close a case by its outcome. A parcel without a label is then tried again by the sweep.

    One that is not sent after all is the end of its claim, if that has nothing else under way: its keys go to
    the next in line, and what was paid goes back.

    Raises: BadCaseData: the claim is held back with a label that nobody would then take off.
    """
    with working(code, _A.CLOSE, actor=actor, record=record) as case:
        _refuse_to_forget(case)
        close_case(case, outcome=outcome, actor=actor, note=note, now=now)
    if outcome == _O.NOT_SENT:
        _give_up(case, actor=actor, now=now)
    return case


def fix_address(
    *, code: str, address: PostalAddress, actor: str, now: datetime, record: Record = unrecorded
) -> Case:
    """Send to the corrected address, in the same country.

    Raises: TooLate: a label of the claim is bought, or it is closed or would go to another country.
    """
    with working(code, _A.FIX_ADDRESS, actor=actor, record=record, lock_first=_claim_of(code)) as case:
        claim = shipment_of(case).claim
        change_address_in_transaction(code=claim.code, address=address, actor=actor, now=now)
        enter(case, _A.FIX_ADDRESS, actor=actor, now=now)
        close_case(case, outcome=_O.ADDRESS_FIXED, actor=actor, now=now)
        _send(case)
    _plan_left(case, now=now)
    return case


def resend(*, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded) -> Case:
    """Try the label again, now. Raises: TooLate: the parcel is not here any more."""
    with working(code, _A.RESEND, actor=actor, record=record) as case:
        _check_here(case)
        enter(case, _A.RESEND, actor=actor, note=note, now=now)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
        _send(case)
    _plan_left(case, now=now)
    return case


def approve_postage(
    *, code: str, cents: int, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """Send although postage is above the region's ceiling, up to so much (US cents).

    Raises: BadCaseData: no amount. TooLate.
    """
    with working(code, _A.APPROVE_POSTAGE, actor=actor, record=record) as case:
        _check_here(case)
        if not 0 < cents <= 1_000_000:
            raise BadCaseData("cents", "Approve between 1 cent and 10,000 dollars.")
        Shipment.objects.filter(pk=shipment_of(case).pk).update(approved_cents=cents)
        enter(case, _A.APPROVE_POSTAGE, actor=actor, note=note, now=now, cents=cents)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
        _send(case)
    _plan_left(case, now=now)
    return case


def give_customs_data(
    *,
    code: str,
    actor: str,
    now: datetime,
    filing: str = "",
    tax_id: str = "",
    note: str = "",
    record: Record = unrecorded,
) -> Case:
    """Give customs what they want: the number of an export filing (ITN), or the recipient's tax id.

    The tax id goes into the vault with the address. Before the label, the parcel is then sent; under way,
    the case waits for the carrier.

    Raises: BadCaseData: neither, or a filing number that is none.
    """
    with working(code, _A.GIVE_CUSTOMS_DATA, actor=actor, record=record) as case:
        if filing and not is_filing_number(filing):
            raise BadCaseData("filing", "A filing number is X and 14 digits, such as X20220711123456.")
        if not filing and not tax_id and not note:
            raise BadCaseData("filing", "Give a filing number, a tax id, or a note of what customs got.")
        if filing:
            Shipment.objects.filter(pk=shipment_of(case).pk).update(export_filing=filing)
        if tax_id:
            _keep_tax_id(shipment_of(case).claim.code, tax_id, actor=actor, now=now)
        given = [name for name, value in (("filing", filing), ("tax_id", tax_id)) if value]
        enter(case, _A.GIVE_CUSTOMS_DATA, actor=actor, note=note, now=now, given=given)
        if shipment_of(case).state == ShipmentState.PLANNED:
            close_case(case, outcome=_O.CUSTOMS_GIVEN, actor=actor, note=note, now=now)
            _send(case)
    _plan_left(case, now=now)
    return case


def give_return_label(
    *,
    code: str,
    actor: str,
    now: datetime,
    cents: int | None = None,
    note: str = "",
    record: Record = unrecorded,
) -> Case:
    """Have a return label bought for the maintainer, who is told when it can be printed. The case stays open.

    Args:   cents: US cents of postage that are approved; None for what the way out was allowed to cost.
    Raises: TooLate: the parcel has not left, or comes back. ReturnUnderWay: they have one, or soon.
    """
    with working(code, _A.RETURN_LABEL, actor=actor, record=record) as case:
        shipment = Shipment.objects.select_for_update(no_key=True).get(pk=shipment_of(case).pk)
        if shipment.state not in RETURNABLE_STATES:
            raise TooLate(shipment_of(case).claim.code)
        if plan_return(shipment, approved_cents=cents or 0, now=now) is None:
            raise ReturnUnderWay(shipment.code)
        enter(case, _A.RETURN_LABEL, actor=actor, note=note, now=now, **({"cents": cents} if cents else {}))
        if case.reason == CaseReason.NO_RETURN:
            close_case(case, outcome=_O.SENT_AGAIN, actor=actor, note=note, now=now)
    return case


def redirect(
    *, code: str, reference: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """Write down that the carrier was told to redirect the parcel; the case is due again in a week.

    Args: reference: the carrier's, of the request.
    """
    with working(code, _A.REDIRECT, actor=actor, record=record) as case:
        enter(case, _A.REDIRECT, actor=actor, note=note, now=now, reference=reference[:80])
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
    record: Record = unrecorded,
) -> Case:
    """Write down that the insured value was claimed; the case stays open until it is paid or refused.

    Args: reference: the insurer's, of the claim. cents: what was claimed, in US cents.
    """
    with working(code, _A.CLAIM_INSURANCE, actor=actor, record=record) as case:
        if cents <= 0 or not reference.strip():
            raise BadCaseData("reference", "Give the insurer's reference and the amount.")
        enter(
            case, _A.CLAIM_INSURANCE, actor=actor, note=note, now=now, reference=reference[:80], cents=cents
        )
    return case


def replace_keys(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> tuple[Case, Claim]:
    """Grant a claim that replaces the parcel's keys, and close the case by that.

    Each key is replaced once, whichever case asks. The replacement stands on the decision of its claim, is
    accepted or waits in line, and ships like any other.

    Returns: the case, and the claim that was granted.
    Raises:  NothingToReplace: its keys were replaced before, or are still here. Shredded: ask for an address.
    """
    with working(code, _A.REPLACE, actor=actor, record=record) as case:
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
        enter(case, _A.REPLACE, actor=actor, note=note, now=now, claim=granted.code)
        close_case(case, outcome=_O.REPLACED, actor=actor, note=note, now=now)
    return case, granted


def write_off(*, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded) -> Case:
    """Give the parcel up: its keys are lost in the ledger, unless the carrier delivered them or we have them.

    Raises: TooLate: it is still here.
    """
    with working(code, _A.WRITE_OFF, actor=actor, record=record) as case:
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
        # What a carrier delivered, or brings with the claim's other parcels, a person refunds in part.
        if shipment.state != ShipmentState.DELIVERED and not _others_arrive(shipment):
            request_undeliverable_refund(shipment.claim)
        enter(case, _A.WRITE_OFF, actor=actor, note=note, now=now)
        close_case(case, outcome=_O.WRITTEN_OFF, actor=actor, note=note, now=now)
    return case


def give_up_label(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """Destroy a label whose refund was refused: its postage is lost, the parcel is unpacked and stays here.

    Raises: NotRefundable: the parcel has left, or is on a manifest.
    After commit: a claim that is held back is looked at, for a lost dispute only waits for this and ends it;
                  any other gets a new label.
    """
    with working(code, _A.GIVE_UP_LABEL, actor=actor, record=record, lock_first=_claim_of(code)) as case:
        claim = shipment_of(case).claim
        lost = write_label_off(claim=claim, shipment_id=shipment_of(case).pk, now=now)
        enter(case, _A.GIVE_UP_LABEL, actor=actor, note=note, now=now, cents=lost.cost_cents or 0)
        close_case(case, outcome=_O.LABEL_LOST, actor=actor, note=note, now=now)
        if claim.held_at is None:
            _send(case)
    return case


def _refuse_to_forget(case: Case) -> None:
    """A label that keeps a held claim from its end is somebody's to destroy until it is, or may be used."""
    shipment = shipment_of(case)
    if (
        case.reason == CaseReason.REFUND_REFUSED
        and shipment.claim.held_at is not None
        and shipment.state == ShipmentState.LABELLED
    ):
        raise BadCaseData(
            "outcome", "The claim is held back, and this label would keep it so. Destroy the label first."
        )


def _give_up(case: Case, *, actor: str, now: datetime) -> None:
    try:
        cancel_claim(code=shipment_of(case).claim.code, actor=actor, now=now)
    except TooLate:
        pass  # Something of it is under way, or it was given up before.


def _claim_of(code: str) -> QuerySet[Model]:
    """The claim of a case's shipment; who changes a claim and then its cases locks it first."""
    return Claim.objects.filter(pk__in=Case.objects.filter(code=code).values("shipment__claim"))


def _others_arrive(shipment: Shipment) -> bool:
    return others_of(shipment).exclude(state__in=[ShipmentState.LOST, ShipmentState.BACK]).exists()


def _check_here(case: Case) -> None:
    if shipment_of(case).state != ShipmentState.PLANNED:
        raise TooLate(shipment_of(case).claim.code)


def _send(case: Case) -> None:
    """Have the label bought: the job makes parcels of an accepted claim that has none under way."""
    defer(SHIP_CLAIM, claim_id=shipment_of(case).claim_id)


def _plan_left(case: Case, *, now: datetime) -> None:
    """A parcel of a claim whose other parcels are under way is planned by itself."""
    plan_again(shipment_id=shipment_of(case).pk, now=now)


def _keep_tax_id(claim_code: str, tax_id: str, *, actor: str, now: datetime) -> None:
    address = open_address(subject=claim_code, purpose=Purpose.SUPPORT, actor=actor, now=now)
    store_address(subject=claim_code, address=replace(address, tax_id=tax_id.strip()[:40]), now=now)
