"""Scan forms: one sheet whose barcode hands over a day's parcels of one carrier.

The vendor's rules (docs/vendors.md § 2.6): bought and not refunded, one origin, one carrier that has such
forms, labels dated today or later, each shipment on one form, and no change afterwards.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, find_by_id
from sandbox.easypost.errors import EasyPostError, required, resource_not_found
from sandbox.easypost.events import publish_easypost_event
from sandbox.easypost.formats import parse_time, stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.resources import labels
from sandbox.easypost.store import StoredShipment
from sandbox.vendor_json import Json

CARRIERS = ("USPS",)
# The vendor's day, which label dates are of.
ZONE = ZoneInfo("America/Los_Angeles")
_ORIGIN = ("street1", "street2", "city", "state", "zip", "country")
THROTTLED = "USPS received too many requests in test mode, please slow down and try again later."


def create_scan_form(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """A form of the shipments named, made now or some seconds later (a setting)."""
    given = call.body.get("scan_form")
    fields = given if isinstance(given, dict) else call.body
    named = fields.get("shipments") or fields.get("shipment")
    if not isinstance(named, list) or not named:
        raise required("shipments")
    shipments = [_shipment(account, one) for one in named]
    _check(account, shipments)
    now = stamp(account.now)
    form: Json = {
        "id": new_easypost_id("sf"),
        "object": "ScanForm",
        "created_at": now,
        "updated_at": now,
        "tracking_codes": [],
        "address": None,
        "status": "creating",
        "message": None,
        "form_url": None,
        "form_file_type": None,
        "batch_id": new_easypost_id("batch"),
        "confirmation": None,
    }
    account.store.scan_forms[form["id"]] = form
    for shipment in shipments:
        shipment.body["scan_form"] = form
    publish_easypost_event(account, "scan_form.created", form, {}, key=form["id"])
    if account.settings.scan_form_seconds:
        due = account.now + timedelta(seconds=account.settings.scan_form_seconds)
        account.world.agenda.put(
            due, lambda: _finish(account, form, shipments, base_url=call.base_url), key=form["id"]
        )
    else:
        _finish(account, form, shipments, base_url=call.base_url)
    return Reply(form)


def retrieve_scan_form(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.scan_forms, call.ids["id"], "sf"))


def list_forms(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    found, has_more = easypost_page(
        account.store.scan_forms.values(),
        call,
        now=account.now,
        id_of=lambda one: str(one["id"]),
        time_of=lambda one: parse_time(one["created_at"]),
    )
    return Reply({"scan_forms": found, "has_more": has_more})


def draw_scan_form(form: Json) -> bytes:
    """The form as PDF, marked as not a carrier's."""
    lines = [f"{len(form['tracking_codes'])} PARCELS", form["id"], *form["tracking_codes"][:40]]
    return labels.pdf_page("SHIPMENT CONFIRMATION", "STAND-IN, NO CARRIER ACCEPTS IT", lines)


def _shipment(account: EasyPostAccount, named: object) -> StoredShipment:
    key = str(named.get("id") if isinstance(named, dict) else named)
    shipment = account.store.shipments.get(key)
    if shipment is None:
        raise resource_not_found()
    return shipment


def _check(account: EasyPostAccount, shipments: list[StoredShipment]) -> None:
    """Raises: EasyPostError: in the vendor's order of precedence, as far as recorded."""
    if not all(shipment.is_bought for shipment in shipments):
        raise _failure("Postage is required for every shipment of a manifest.")
    if any(shipment.body["selected_rate"]["carrier"] not in CARRIERS for shipment in shipments):
        message = "Unable to create a ScanForm from shipments bought from this carrier."
        raise EasyPostError(422, "SCAN_FORM.CREATE.CARRIER_NOT_SUPPORTED", message)
    done = [shipment.id for shipment in shipments if shipment.body["scan_form"] is not None]
    if done:
        raise _failure(
            f"{len(done)} of the specified shipments have already been manifested: {', '.join(done)}"
        )
    if any(shipment.body["refund_status"] in ("submitted", "refunded") for shipment in shipments):
        raise _failure("Refunded shipments cannot be manifested.")
    origins = {tuple(shipment.body["from_address"][part] for part in _ORIGIN) for shipment in shipments}
    if len(origins) > 1:
        raise _failure("All shipments must have the same origin address.")
    today = account.now.astimezone(ZONE).date()
    dates = [parse_time(shipment.body["postage_label"]["label_date"]) for shipment in shipments]
    if any(date.astimezone(ZONE).date() < today for date in dates):
        raise _failure("The label date of every shipment must be today or later.")


def _failure(why: str) -> EasyPostError:
    return EasyPostError(422, "SCAN_FORM.CREATE.FAILURE", f"Unable to create manifest. {why}")


def _finish(account: EasyPostAccount, form: Json, shipments: list[StoredShipment], *, base_url: str) -> None:
    form["updated_at"] = stamp(account.now)
    if account.settings.scan_form_outcome == "failed":
        form["status"], form["message"] = "failed", THROTTLED
        for shipment in shipments:
            shipment.body["scan_form"] = None
    else:
        name = f"{new_easypost_id('file').removeprefix('file_')}.pdf"
        account.store.form_files[name] = form["id"]
        form |= {
            "status": "created",
            "address": shipments[0].body["from_address"],
            "tracking_codes": [shipment.body["tracking_code"] for shipment in shipments],
            "form_url": f"{base_url}/files/scan_form/{account.now:%Y%m%d}/{name}",
        }
    publish_easypost_event(account, "scan_form.updated", form, {"status": "creating"}, key=form["id"])
