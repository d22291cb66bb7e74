"""Where the keys stand."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router

from api.documents import unit_document
from api.routers.parts import answers, needs
from api.schemas import StockListOut, UnitOut
from inventory.errors import UnknownSerial
from inventory.models import Unit
from inventory.selectors import custody, stock_by_model_and_account

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
