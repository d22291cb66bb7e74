"""Returns: scanned in at the warehouse; keys go to quarantine and never back to stock (I8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import record_returning
from fulfillment.shipments.errors import NotExpectedBack
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import OUT_STATES, ShipmentState
from fulfillment.shipments.services.cases import open_case
from fulfillment.shipments.services.split_shipments import others_of
from fulfillment.warehouse.services.packing import lock_parcel_for_packing
from inventory.rules import Account
from inventory.services.quarantine import quarantine
from inventory.services.scan_input import clean_scanned

_WITH_CARRIER = (Account.IN_TRANSIT, Account.DELIVERED, Account.LOST)


@dataclass(frozen=True)
class ReturnIntake:
    """A received return: the keys found in it, the missing ones, and keys that do not belong to it."""

    shipment: Shipment
    quarantined: Sequence[str]
    missing: Sequence[str]
    strange: Sequence[str]


def receive_return(
    *, label: str, serials: Sequence[str], actor: str, now: datetime, bin_label: str | None = None
) -> ReturnIntake:
    """Receive an opened return: move all keys found in it into quarantine.

    A missing key stays in transit in the ledger and opens a case; so does a key that was not sent in this
    parcel. Receiving a parcel again has no effect.

    Args:    serials: the keys found, by scan; none if the parcel was empty.
             bin_label: the quarantine bin for the keys.
    Raises:  UnknownLabel, WrongScanKind. NotExpectedBack: by its tracking it has not left.
             BadSerials, UnknownSerial, UnknownBin, WrongBin of the inventory.
    Locks:   the claim's row, the parcel's, then the units.
    After commit: the claim is returned, and a case is open for a person to decide what happens next.
    """
    found = clean_scanned(serials)
    with transaction.atomic(durable=True):
        rows = lock_parcel_for_packing(label)
        shipment = rows[0].shipment
        claim = Claim.objects.select_for_update(no_key=True).get(pk=shipment.claim_id)
        wanted = {row.unit.serial: row.unit for row in rows}
        if shipment.state == ShipmentState.BACK:
            return ReturnIntake(shipment, [], [], [])
        if shipment.state not in OUT_STATES:
            raise NotExpectedBack(shipment.code, ShipmentState(shipment.state).label)
        if found:
            quarantine(serials=found, actor=actor, now=now, reference=shipment.code, bin_label=bin_label)
        missing = [
            serial for serial in wanted if serial not in found and wanted[serial].account in _WITH_CARRIER
        ]
        strange = [serial for serial in found if serial not in wanted]
        Shipment.objects.filter(pk=shipment.pk).update(state=ShipmentState.BACK, updated_at=now)
        shipment.state = ShipmentState.BACK
        if not others_of(shipment).exclude(state=ShipmentState.BACK).exists():
            record_returning(claim, problem="it was returned to us", now=now)
        _open_cases(shipment, missing=missing, strange=strange, now=now)
    return ReturnIntake(shipment, [serial for serial in found if serial in wanted], missing, strange)


def _open_cases(shipment: Shipment, *, missing: Sequence[str], strange: Sequence[str], now: datetime) -> None:
    if not Case.objects.filter(shipment=shipment, reason=CaseReason.RETURNED).exists():
        open_case(shipment=shipment, reason=CaseReason.RETURNED, detail="scanned in", now=now)
    if missing or strange:
        detail = f"returned; missing keys: {len(missing)}, keys of other parcels: {len(strange)}"
        open_case(shipment=shipment, reason=CaseReason.WRONG_KEYS, detail=detail, now=now)
