"""Stock: units, deliveries, counts, adjustments, recalls.

The actor of a change is the token, so a step that needs two people needs two tokens.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, TypedDict

from django.http import HttpRequest
from ninja import Path, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.inventory.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    CountIn,
    CountOut,
    DeliveryIn,
    LocationIn,
    LocationListOut,
    LocationOut,
    LotOut,
    RecallIn,
    RecallOut,
    ReplacementsOut,
    StockAlertListOut,
    StockListOut,
    UnitOut,
)
from api.inventory.serializers import (
    serialize_adjustment,
    serialize_alerts,
    serialize_count,
    serialize_location,
    serialize_locations,
    serialize_lot,
    serialize_recall,
    serialize_stock,
    serialize_unit,
    serialize_unreceived_lot,
)
from api.responses import answers, needs
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.claims.services.recalls import grant_replacements
from inventory.errors import (
    BadLocation,
    BadReceipt,
    BadSerials,
    SerialSeenBefore,
    UnknownDocument,
    UnknownSerial,
    UnknownSku,
)
from inventory.ledger.check_custody import CustodyFile
from inventory.ledger.custody_export import custody_document
from inventory.models import Recall, Unit
from inventory.rules import Criteria, SerialProblem
from inventory.selectors import (
    custody,
    lot_balances,
    newest_alerts,
)
from inventory.services import bin_transfers, counts, quarantine, recalls
from inventory.services.locations import read_location, upsert_location
from inventory.services.receiving import check_receipt, receive_stock
from inventory.services.reservations import swap

router = Router(tags=["inventory"])


@router.get(
    "/stock",
    response=answers(StockListOut),
    summary="Units by key model and account",
    **needs("inventory:read"),
)
def get_stock(request: HttpRequest) -> StockListOut:
    """Units by key model and ledger account, as of now."""
    return serialize_stock()


@router.get(
    "/units/{serial}", response=answers(UnitOut), summary="Custody of one unit", **needs("inventory:read")
)
def get_unit(request: HttpRequest, serial: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{4,64}$")]) -> UnitOut:
    """Every movement of the unit, from the supplier to its current account."""
    unit = Unit.objects.select_related("key_model", "lot").filter(serial=serial.upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    return serialize_unit(unit, custody(unit.serial))


@router.get(
    "/units/{serial}/custody",
    response=dict[str, object],
    summary="Custody of one unit, with proofs",
    **needs("inventory:read"),
)
def get_custody(
    request: HttpRequest, serial: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{4,64}$")]
) -> CustodyFile:
    """The file that `check_custody.py` verifies independently of us."""
    return custody_document(serial=serial, now=clock.now())


@router.get(
    "/alerts",
    response=answers(StockAlertListOut),
    summary="Low-stock events",
    **needs("inventory:read"),
)
def list_alerts(request: HttpRequest, only_open: bool = False) -> StockAlertListOut:
    """`stock.low` events, newest first.

    Raised when stock of a key model lasts less than the threshold at the current rate of reservations.
    """
    return serialize_alerts(newest_alerts(only_open=only_open))


@router.get(
    "/locations",
    response=answers(LocationListOut),
    summary="Warehouses and their bins",
    **needs("inventory:read"),
)
def list_locations(request: HttpRequest) -> LocationListOut:
    """Every warehouse with its address and bins."""
    return serialize_locations()


@router.post(
    "/locations",
    response=answers(LocationOut, status=201),
    summary="Create or update a warehouse",
    **needs("inventory:write"),
)
def put_location(request: HttpRequest, location: LocationIn) -> Status[LocationOut]:
    """Safe to repeat. Bins are added and never removed."""
    try:
        kept = upsert_location(read_location(location.model_dump()))
    except BadLocation as refusal:
        raise BadRequest(
            [FieldError(name, refusal.code, problem) for name, problem in refusal.problems]
        ) from None
    return Status(201, serialize_location(kept.warehouse.code))


@router.post(
    "/lots", response=answers(LotOut, status=201), summary="Receive a delivery", **needs("inventory:write")
)
def receive_lot(request: HttpRequest, delivery: DeliveryIn) -> Status[LotOut]:
    """Receives all of the delivery or nothing. Serials seen before are refused; `errors` lists every one."""
    if delivery.dry_run and delivery.serials is not None:
        if found := check_receipt(
            serials=delivery.serials, lot_reference=delivery.lot, resume=delivery.resume
        ):
            raise _bad_serials(found)
        known = lot_balances(reference=delivery.lot)
        return Status(201, serialize_lot(delivery.lot) if known else serialize_unreceived_lot(delivery))
    try:
        receive_stock(
            sku=delivery.sku,
            lot_reference=delivery.lot,
            serials=delivery.serials,
            quantity=delivery.quantity,
            supplier=delivery.supplier or "",
            purchase_order=delivery.purchase_order or "",
            firmware=delivery.firmware or "",
            expected_quantity=delivery.expected,
            resume=delivery.resume,
            actor=bearer_token(request).actor,
            now=clock.now(),
        )
    except BadSerials as refusal:
        raise _bad_serials(refusal.problems) from None
    except SerialSeenBefore:
        raise _bad_serials(
            check_receipt(serials=delivery.serials or [], lot_reference=delivery.lot, resume=delivery.resume)
        ) from None
    except UnknownSku as refusal:
        raise BadRequest([FieldError("sku", refusal.code, str(refusal))]) from None
    except BadReceipt as refusal:
        raise BadRequest([FieldError("lot", refusal.code, str(refusal))]) from None
    return Status(201, serialize_lot(delivery.lot))


def _bad_serials(problems: Iterable[SerialProblem]) -> BadRequest:
    return BadRequest(
        [
            FieldError(f"serials.{bad.position}", "bad_serial", f"{bad.serial[:80]} {bad.problem}.")
            for bad in problems
        ]
    )


@router.post(
    "/counts",
    response=answers(CountOut, status=201),
    summary="Count a bin",
    url_name="count_bin",
    **needs("inventory:write"),
)
def post_count(request: HttpRequest, counted: CountIn) -> Status[CountOut]:
    """A blind count: send every serial found, get the differences.

    A second token approves it (`/adjustments`).
    """
    count = counts.count_bin(
        bin_label=counted.bin, serials=counted.serials, actor=bearer_token(request).actor, now=clock.now()
    )
    return Status(201, serialize_count(count))


@router.post(
    "/adjustments",
    response=answers(AdjustmentOut, status=201),
    summary="Adjust stock manually",
    **needs("inventory:write"),
)
def adjust(request: HttpRequest, change: AdjustmentIn) -> Status[AdjustmentOut]:
    """Put keys away, swap at packing, settle a count, quarantine or destroy. Destroying needs two tokens."""
    if problems := change.problems():
        raise BadRequest(problems)
    code, serials = _adjust(change, actor=bearer_token(request).actor)
    return Status(201, serialize_adjustment(action=change.action, code=code, serials=serials))


class _By(TypedDict):
    actor: str
    now: datetime


def _adjust(change: AdjustmentIn, *, actor: str) -> tuple[str | None, list[str]]:
    """Make the change; returns the code of its count or write-off, if any, and the serials concerned."""
    by: _By = {"actor": actor, "now": clock.now()}
    code, asked = change.code or "", [serial.strip().upper() for serial in change.serials]
    match change.action:
        case "put_away":
            bin_transfers.put_away(serials=change.serials, bin_label=change.bin or "", **by)
        case "swap":
            old, new = change.reserved or "", change.scanned or ""
            swap(holder=change.holder or "", old_serial=old, new_serial=new, **by)
            return None, [old.upper(), new.upper()]
        case "approve_count":
            counts.approve_count(code=code, reasons=change.reasons, **by)
            return code, [serial.strip().upper() for serial in change.reasons]
        case "cancel_count":
            counts.cancel_count(code=code, **by)
            return code, []
        case "quarantine":
            quarantine.quarantine(
                serials=change.serials, reference=change.note or "", bin_label=change.bin, **by
            )
        case "propose_destruction":
            return quarantine.propose_destruction(
                serials=change.serials, note=change.note or "", **by
            ).code, asked
        case "destroy":
            return code, [unit.serial for unit in quarantine.destroy(code=code, **by)]
    return None, asked


@router.post(
    "/recalls",
    response=answers(RecallOut, status=201),
    summary="Recall keys",
    url_name="open_recall",
    **needs("inventory:write"),
)
def post_recall(request: HttpRequest, recall: RecallIn) -> Status[RecallOut]:
    """Affected stock is held before the next pick; affected keys received later are held on receipt."""
    given = recall.criteria
    criteria = Criteria(
        sku=given.sku or "",
        lot=given.lot or "",
        firmware_from=given.firmware_from or "",
        firmware_to=given.firmware_to or "",
        serials=tuple(serial.upper() for serial in given.serials),
        aaguid=given.aaguid or "",
    )
    if problems := criteria.problems():
        raise BadRequest([FieldError("criteria", "bad_criteria", problem) for problem in problems])
    held = recalls.open_recall(
        criteria=criteria, why=recall.why, actor=bearer_token(request).actor, now=clock.now()
    )
    return Status(201, serialize_recall(held.recall))


RecallCode = Annotated[str, Path(pattern=r"^R-[0-9A-Z]{12}$")]


@router.get(
    "/recalls/{code}",
    response=answers(RecallOut),
    summary="Reach of a recall",
    **needs("inventory:read"),
)
def get_recall(request: HttpRequest, code: RecallCode) -> RecallOut:
    """Affected keys by account, their holders, and who needs a replacement."""
    recall = Recall.objects.filter(code=code).first()
    if recall is None:
        raise UnknownDocument("recall", code)
    return serialize_recall(recall)


@router.post(
    "/recalls/{code}/lift",
    response=answers(RecallOut),
    summary="Lift a recall (second token)",
    url_name="lift_recall",
    **needs("inventory:write"),
)
def post_recall_lift(request: HttpRequest, code: RecallCode) -> RecallOut:
    """Keys held for this recall only become available again."""
    recalls.lift_recall(code=code, actor=bearer_token(request).actor, now=clock.now())
    return serialize_recall(Recall.objects.get(code=code))


@router.post(
    "/recalls/{code}/replacements",
    response=answers(ReplacementsOut, status=201),
    summary="Replace recalled keys that have left the warehouse",
    **needs("inventory:write"),
)
def grant_recall(request: HttpRequest, code: RecallCode) -> Status[ReplacementsOut]:
    """Creates one claim for each holder, for the number of affected keys. Each key is replaced once."""
    granted = grant_replacements(recall_code=code, actor=bearer_token(request).actor, now=clock.now())
    return Status(
        201,
        ReplacementsOut(
            recall=granted.recall,
            granted=granted.granted,
            replaced_before=granted.replaced_before,
            without_address=granted.without_address,
            back_in_line=granted.back_in_line,
            packed=granted.packed,
        ),
    )
