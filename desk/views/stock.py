"""Stock by account, and the history of each unit."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import clock
from desk.layout import desk_page
from desk.permissions import allowed
from desk.roles import Action
from desk.selectors.cached_counts import cached
from inventory.errors import UnknownSerial
from inventory.ledger.unit_history import unit_history
from inventory.rules import Account
from inventory.selectors import lot_balances, outlook, stock_by_model_and_account


@require_safe
@never_cache
@allowed(Action.SEE_DESK)
def stock_page(request: HttpRequest) -> HttpResponse:
    """Show stock by account, days left, and lots with differences."""
    asked = request.GET.get("serial", "").strip()
    if asked:
        return redirect("desk:unit", serial=asked[:80].replace("/", "-"))
    standing = cached("stock", stock_by_model_and_account)
    accounts = [account for account in Account if any(account in places for places in standing.values())]
    now = clock.now()
    lasting = cached("outlook", lambda: outlook(now=now))
    rows = [
        (sku, [places.get(account, 0) for account in accounts], sum(places.values()), lasting.get(sku))
        for sku, places in standing.items()
    ]
    context = {
        "accounts": accounts,
        "rows": rows,
        "odd_lots": [lot for lot in cached("lots", lot_balances) if lot.discrepancy],
    }
    return desk_page(request, "desk/stock.html", context)


@require_safe
@never_cache
@allowed(Action.SEE_DESK)
def unit(request: HttpRequest, serial: str) -> HttpResponse:
    """Show the unit history of one key, checked against hashes and seals."""
    try:
        story = unit_history(serial)
    except UnknownSerial as refusal:
        return desk_page(request, "desk/no_unit.html", {"refusal": str(refusal), "asked": serial}, status=404)
    return desk_page(request, "desk/unit.html", {"story": story, "unit": story.unit})
