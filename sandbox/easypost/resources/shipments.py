"""Shipments: created with rates, rated again, found, listed, and their label files."""

from __future__ import annotations

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, created
from sandbox.easypost.errors import (
    EasyPostError,
    bad_request,
    invalid_shipment,
    postage_exists,
    postage_required,
    resource_not_found,
)
from sandbox.easypost.formats import as_text_field, is_true, parse_time, stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.resources import addresses, parcels, purchases, rates
from sandbox.easypost.resources.journeys import recipient_key
from sandbox.easypost.resources.trackers import shown_in_shipment
from sandbox.easypost.store import StoredShipment
from sandbox.vendor_json import Json


def create_shipment(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """A shipment that no carrier takes is created too: with messages instead of rates."""
    given = call.wrapped("shipment")
    accounts = _carrier_accounts(given)
    shipment = _build(account, given, accounts)
    account.store.shipments[shipment.id] = shipment
    if reference := shipment.body["reference"]:
        account.store.by_reference.setdefault(reference, []).append(shipment.id)
    if given.get("service"):
        purchases.buy_in_one_call(account, shipment, service=str(given["service"]), base_url=call.base_url)
    return created("shipments", show(account, shipment))


def retrieve_shipment(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(show(account, find_shipment(account, call.ids["id"])))


def rerate(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """New rates with new ids; the old ones can no longer be bought."""
    shipment = find_shipment(account, call.ids["id"])
    if shipment.is_bought:
        raise postage_exists()
    quote = rates.price_services(account, shipment.body, [])
    shipment.body["rates"], shipment.body["messages"] = quote.rates, quote.messages
    shipment.rated_at = account.now
    return Reply({"rates": quote.rates})


async def buy_shipment(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    shipment = find_shipment(account, call.ids["id"])
    await purchases.charge_postage(
        account,
        shipment,
        rate_id=str((call.body.get("rate") or {}).get("id", "")),
        insurance=call.body.get("insurance"),
        base_url=call.base_url,
    )
    return Reply(show(account, shipment))


def refund_shipment(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    shipment = find_shipment(account, call.ids["id"])
    purchases.refund_postage(account, shipment)
    return Reply(show(account, shipment))


def insure_shipment(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    shipment = find_shipment(account, call.ids["id"])
    purchases.charge_insurance(account, shipment, call.body.get("amount"))
    return Reply(show(account, shipment))


def convert_label(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Offer the label in another format. Only a PNG label can be converted."""
    shipment = find_shipment(account, call.ids["id"])
    file_format = call.query.get("file_format")
    if not file_format:
        raise bad_request("Missing required param: file_format.")
    if not shipment.is_bought:
        raise postage_required()
    purchases.add_label_file(account, shipment, file_format.upper(), base_url=call.base_url)
    return Reply(show(account, shipment))


def list_stored_shipments(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Only bought shipments of the last month, unless `purchased` and `start_datetime` say otherwise."""
    only_bought = is_true(call.query.get("purchased", True))
    wanted = (
        shipment for shipment in account.store.shipments.values() if shipment.is_bought or not only_bought
    )
    found, has_more = easypost_page(
        wanted,
        call,
        now=account.now,
        id_of=lambda shipment: shipment.id,
        time_of=lambda shipment: parse_time(shipment.body["created_at"]),
    )
    return Reply({"shipments": [show(account, shipment) for shipment in found], "has_more": has_more})


def find_shipment(account: EasyPostAccount, key: str) -> StoredShipment:
    """A shipment by id or by reference, which need not be unique. Raises NOT_FOUND."""
    shipment = account.store.shipments.get(key)
    if shipment is not None:
        return shipment
    same_reference = account.store.by_reference.get(key)
    if not same_reference:
        raise resource_not_found()
    newest_first = account.settings.reference_lookup == "newest"
    return account.store.shipments[same_reference[-1 if newest_first else 0]]


def show(account: EasyPostAccount, shipment: StoredShipment) -> Json:
    """The shipment as it is sent, with its tracker as it stands now."""
    tracker_id = shipment.body["tracker"]
    tracker = account.store.trackers.get(tracker_id) if tracker_id else None
    return shipment.body | {"tracker": shown_in_shipment(tracker) if tracker else None}


def _build(account: EasyPostAccount, given: Json, accounts: list[str]) -> StoredShipment:
    missing = [
        {side: "Required and missing."} for side in ("to_address", "from_address") if not given.get(side)
    ]
    if missing:
        raise invalid_shipment(missing)
    if not given.get("parcel"):
        raise invalid_shipment([{"parcel": "Required and missing."}])
    now = stamp(account.now)
    to_address = addresses.take(account, given["to_address"], "to_address")
    from_address = addresses.take(account, given["from_address"], "from_address")
    options = dict(given.get("options") or {})
    options = {"currency": "USD", "payment": {"type": "SENDER"}, "date_advance": 0} | options
    returned_to, buyer = given.get("return_address"), given.get("buyer_address")
    body: Json = {
        "id": new_easypost_id("shp"),
        "created_at": now,
        "is_return": is_true(given.get("is_return", False)),
        "messages": [],
        "mode": account.mode,
        "options": options,
        "reference": as_text_field(given.get("reference")) or None,
        "status": "unknown",
        "tracking_code": None,
        "updated_at": now,
        "batch_id": None,
        "batch_status": None,
        "batch_message": None,
        "customs_info": parcels.take_customs_info(account, given.get("customs_info")),
        "from_address": from_address,
        "insurance": None,
        "order_id": None,
        "parcel": parcels.take_parcel(account, given["parcel"]),
        "postage_label": None,
        "rates": [],
        "refund_status": None,
        "scan_form": None,
        "selected_rate": None,
        # Holds the tracker's id; `show` puts the tracker itself here.
        "tracker": None,
        "to_address": to_address,
        "usps_zone": None,
        "return_address": addresses.take(account, returned_to, "return_address")
        if returned_to
        else from_address,
        "buyer_address": addresses.take(account, buyer, "buyer_address") if buyer else to_address,
        "forms": [],
        "fees": [],
        "object": "Shipment",
    }
    quote = rates.price_services(account, body, accounts)
    body |= {"rates": quote.rates, "messages": quote.messages, "usps_zone": quote.usps_zone}
    recipient = recipient_key(to_address["name"] or to_address["company"], to_address["zip"])
    return StoredShipment(body, recipient=recipient, rated_at=account.now)


def _carrier_accounts(given: Json) -> list[str]:
    """The carrier accounts to ask; none means all. Raises SHIPMENT.CARRIER_ACCOUNTS.INVALID."""
    accounts: list[object] = given.get("carrier_accounts") or []
    ids = [str(account["id"] if isinstance(account, dict) else account) for account in accounts]
    unknown = [account for account in ids if account not in rates.CARRIER_OF_ACCOUNT]
    if unknown:
        message = f"None of the carrier_account_ids provided are valid and enabled: {', '.join(unknown)}"
        raise EasyPostError(422, "SHIPMENT.CARRIER_ACCOUNTS.INVALID", message)
    if given.get("service") and len(ids) != 1:
        message = "Only one carrier_account_id can be supplied when purchasing a shipment without rating."
        raise EasyPostError(422, "SHIPMENT.CARRIER_ACCOUNTS.INVALID", message)
    return ids
