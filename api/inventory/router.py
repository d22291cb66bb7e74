"""Where the keys stand, and what is done to them.

Every change is made in the name of the token: two names are two tokens.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.documents import unit_document
from api.responses import answers, needs
from api.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    CountIn,
    CountOut,
    GrantedOut,
    LocationIn,
    LocationListOut,
    LocationOut,
    LotIn,
    LotOut,
    RecallIn,
    RecallOut,
    StockAlertListOut,
    StockListOut,
    UnitOut,
)
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
from inventory.ledger.custody_export import custody_document
from inventory.models import Count, Recall, Unit
from inventory.rules import Criteria, SerialProblem
from inventory.selectors import (
    bins_by_serial,
    custody,
    locations,
    lot_balances,
    newest_alerts,
    recall_reach,
    stock_by_model_and_account,
)
from inventory.services import bin_transfers, counts, quarantine, recalls
from inventory.services.locations import keep_location, read_location
from inventory.services.receiving import check_receipt, receive_stock
from inventory.services.reservations import swap

router = Router(tags=["inventory"])


@router.get(
    "/stock",
    response=answers(StockListOut),
    summary="Units by key model and account",
    **needs("inventory:read"),
)
def get_stock(request: HttpRequest) -> dict[str, Any]:
    return {
        "items": [
            {"sku": sku, "accounts": accounts} for sku, accounts in stock_by_model_and_account().items()
        ]
    }


@router.get(
    "/units/{serial}", response=answers(UnitOut), summary="The custody of one unit", **needs("inventory:read")
)
def get_unit(
    request: HttpRequest, serial: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{4,64}$")]
) -> dict[str, Any]:
    """Every movement of the unit, from the supplier to where it stands now."""
    unit = Unit.objects.select_related("key_model", "lot").filter(serial=serial.upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    return unit_document(unit, custody(unit.serial))


@router.get(
    "/units/{serial}/custody",
    response=dict[str, Any],
    summary="The custody of one unit, with proofs",
    **needs("inventory:read"),
)
def get_custody(
    request: HttpRequest, serial: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{4,64}$")]
) -> dict[str, Any]:
    """The file that `check_custody.py` checks without us."""
    return custody_document(serial=serial, now=clock.now())


@router.get(
    "/alerts",
    response=answers(StockAlertListOut),
    summary="Events of stock running low",
    **needs("inventory:read"),
)
def list_alerts(request: HttpRequest, only_open: bool = False) -> dict[str, Any]:
    """`stock.low`, newest first: a key model lasts less than the threshold at the rate it is reserved."""
    return {
        "items": [
            {
                "event": "stock.low",
                "sku": alert.key_model.sku,
                "raised_at": alert.raised_at,
                "cleared_at": alert.cleared_at,
                "available": alert.available,
                "per_day": alert.per_day,
                "days_left": alert.days_left,
                "threshold_days": alert.threshold_days,
            }
            for alert in newest_alerts(only_open=only_open)
        ]
    }


@router.get(
    "/locations",
    response=answers(LocationListOut),
    summary="Warehouses and their bins",
    **needs("inventory:read"),
)
def list_locations(request: HttpRequest) -> dict[str, Any]:
    return {"items": locations()}


@router.post(
    "/locations",
    response=answers(LocationOut, status=201),
    summary="Keep a warehouse and its bins",
    **needs("inventory:write"),
)
def put_location(request: HttpRequest, location: LocationIn) -> Status[dict[str, Any]]:
    """Create it, or bring it up to date; bins are added and never taken away. Do it as often as you like."""
    try:
        kept = keep_location(read_location(location.model_dump()))
    except BadLocation as refusal:
        raise BadRequest(
            [FieldError(name, refusal.code, problem) for name, problem in refusal.problems]
        ) from None
    (found,) = (one for one in locations() if one["code"] == kept.warehouse.code)
    return Status(201, found)


@router.post(
    "/lots", response=answers(LotOut, status=201), summary="Receive a delivery", **needs("inventory:write")
)
def receive_lot(request: HttpRequest, delivery: LotIn) -> Status[dict[str, Any]]:
    """All of it or nothing. A serial seen before, in any state, is refused, and every bad one is named."""
    if delivery.dry_run and delivery.serials is not None:
        if found := check_receipt(
            serials=delivery.serials, lot_reference=delivery.lot, resume=delivery.resume
        ):
            raise _bad_serials(found)
        known = lot_balances(reference=delivery.lot)
        return Status(201, _lot(delivery.lot) if known else _no_lot_yet(delivery))
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
    return Status(201, _lot(delivery.lot))


def _bad_serials(problems: Iterable[SerialProblem]) -> BadRequest:
    return BadRequest(
        [
            FieldError(f"serials.{bad.position}", "bad_serial", f"{bad.serial[:80]} {bad.problem}.")
            for bad in problems
        ]
    )


def _lot(reference: str) -> dict[str, Any]:
    (balance,) = lot_balances(reference=reference)
    return {**vars(balance), "discrepancy": balance.discrepancy}


def _no_lot_yet(delivery: LotIn) -> dict[str, Any]:
    """What a dry run says of a lot that does not exist."""
    return {
        "reference": delivery.lot,
        "sku": delivery.sku,
        "supplier": delivery.supplier or "",
        "purchase_order": delivery.purchase_order or "",
        "firmware": delivery.firmware or "",
        "expected": delivery.expected,
        "received": 0,
        "discrepancy": None if delivery.expected is None else -delivery.expected,
    }


@router.post(
    "/counts", response=answers(CountOut, status=201), summary="Count a bin", **needs("inventory:write")
)
def post_count(request: HttpRequest, counted: CountIn) -> Status[dict[str, Any]]:
    """A blind count: send all that is there, get what differs. Another token approves it (`/adjustments`)."""
    count = counts.count_bin(
        bin_label=counted.bin, serials=counted.serials, actor=bearer_token(request).actor, now=clock.now()
    )
    return Status(201, _count(count))


def _count(count: Count) -> dict[str, Any]:
    return {
        "code": count.code,
        "bin": str(count.bin),
        "state": count.state,
        "counted_by": count.counted_by,
        "differences": list(count.differences.order_by("serial").values("serial", "kind")),
    }


@router.post(
    "/adjustments",
    response=answers(AdjustmentOut, status=201),
    summary="Change stock by hand",
    **needs("inventory:write"),
)
def adjust(request: HttpRequest, change: AdjustmentIn) -> Status[dict[str, Any]]:
    """Put keys into a bin, swap at packing, settle a count, quarantine, and destroy with two tokens."""
    if problems := change.problems():
        raise BadRequest(problems)
    code, serials = _adjust(change, actor=bearer_token(request).actor)
    units = Unit.objects.filter(serial__in=serials).order_by("serial")
    lies_in = bins_by_serial(serials)
    return Status(
        201,
        {
            "action": change.action,
            "code": code,
            "units": [
                {
                    "serial": unit.serial,
                    "account": unit.account,
                    "held_for": unit.held_for,
                    "bin": lies_in.get(unit.serial),
                }
                for unit in units
            ],
        },
    )


def _adjust(change: AdjustmentIn, *, actor: str) -> tuple[str | None, list[str]]:
    """Do it; the paper, if there is one, and the serials it was about."""
    by: dict[str, Any] = {"actor": actor, "now": clock.now()}
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
    "/recalls", response=answers(RecallOut, status=201), summary="Recall keys", **needs("inventory:write")
)
def post_recall(request: HttpRequest, recall: RecallIn) -> Status[dict[str, Any]]:
    """Stock is held before the next pick, and keys that come in later as they come in."""
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
    return Status(201, _recall(held.recall))


RecallCode = Annotated[str, Path(pattern=r"^R-[0-9A-Z]{12}$")]


@router.get(
    "/recalls/{code}",
    response=answers(RecallOut),
    summary="How far a recall reaches",
    **needs("inventory:read"),
)
def get_recall(request: HttpRequest, code: RecallCode) -> dict[str, Any]:
    recall = Recall.objects.filter(code=code).first()
    if recall is None:
        raise UnknownDocument("recall", code)
    return _recall(recall)


@router.post(
    "/recalls/{code}/lift",
    response=answers(RecallOut),
    summary="Lift a recall, as somebody else",
    **needs("inventory:write"),
)
def delete_recall(request: HttpRequest, code: RecallCode) -> dict[str, Any]:
    """What is held for this recall alone is available again."""
    recalls.lift_recall(code=code, actor=bearer_token(request).actor, now=clock.now())
    return _recall(Recall.objects.get(code=code))


@router.post(
    "/recalls/{code}/replacements",
    response=answers(GrantedOut, status=201),
    summary="Replace every recalled key that has left the building",
    **needs("inventory:write"),
)
def grant_recall(request: HttpRequest, code: RecallCode) -> Status[dict[str, Any]]:
    """One claim for each holder, for as many keys as are affected. Each key is replaced once."""
    granted = grant_replacements(recall_code=code, actor=bearer_token(request).actor, now=clock.now())
    return Status(201, vars(granted))


def _recall(recall: Recall) -> dict[str, Any]:
    return {
        "code": recall.code,
        "why": recall.why,
        "opened_at": recall.opened_at,
        "lifted_at": recall.lifted_at,
        **vars(recall_reach(recall)),
    }
