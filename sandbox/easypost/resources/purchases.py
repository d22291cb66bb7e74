"""Label purchases, insurance and refunds.

A shipment holds one label, ever. That is EasyPost's only guard against buying twice, and the fact that
Keydesk's purchase protocol rests on.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, find_by_id
from sandbox.easypost.errors import (
    EasyPostError,
    missing_rate,
    not_latin,
    payment_required,
    postage_exists,
    postage_refused,
    postage_required,
    purchase_in_progress,
    refund_unavailable,
)
from sandbox.easypost.events import publish_easypost_event
from sandbox.easypost.formats import as_cents, as_dollars, fee_amount, parse_time, stamp
from sandbox.easypost.ids import new_easypost_id, tracking_code
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.resources import addresses, trackers
from sandbox.easypost.store import StoredShipment
from sandbox.vendor_json import Json

# The states of a parcel that no carrier has scanned yet.
REFUNDABLE = ("unknown", "pre_transit")
LABEL_FILES = {"PNG": "label_url", "PDF": "label_pdf_url", "ZPL": "label_zpl_url"}


async def charge_postage(
    account: EasyPostAccount, shipment: StoredShipment, *, rate_id: str, insurance: object, base_url: str
) -> None:
    """Buy one of the shipment's rates, once.

    Raises: EasyPostError: POSTAGE.EXISTS, PURCHASE.IN_PROGRESS, MISSING_RATE, PAYMENT_REQUIRED, or the
        carrier's own refusal. Nothing was bought then.
    """
    is_single = account.settings.one_label_a_shipment
    if shipment.is_bought and is_single:
        account.store.tally["second_purchases_refused"] += 1
        raise postage_exists()
    if shipment.is_purchasing and is_single:
        account.store.tally["second_purchases_refused"] += 1
        raise purchase_in_progress()
    shipment.is_purchasing = True
    try:
        if account.settings.buy_seconds:
            await asyncio.sleep(account.settings.buy_seconds)
        _complete(account, shipment, _find_rate(account, shipment, rate_id), base_url=base_url)
    finally:
        shipment.is_purchasing = False
    if insurance:
        charge_insurance(account, shipment, insurance)


def buy_in_one_call(
    account: EasyPostAccount, shipment: StoredShipment, *, service: str, base_url: str
) -> None:
    """Buy in the create call, as EasyPost allows. If the response is lost, the shipment cannot be found."""
    matching = [rate for rate in shipment.body["rates"] if rate["service"] == service]
    if not matching:
        raise missing_rate()
    shipment.body["rates"] = matching
    _complete(account, shipment, matching[0], base_url=base_url)


def charge_insurance(account: EasyPostAccount, shipment: StoredShipment, amount: object) -> None:
    if not shipment.is_bought:
        raise postage_required()
    if shipment.body["insurance"] is not None:
        message = "Insurance was already purchased for this shipment."
        raise EasyPostError(422, "SHIPMENT.INSURANCE.ALREADY_PURCHASED", message)
    insured_cents = as_cents(amount or 0)
    # One per cent of the insured value.
    _charge(account, shipment, "InsuranceFee", (insured_cents + 99) // 100)
    shipment.body["insurance"] = as_dollars(insured_cents)


def refund_postage(account: EasyPostAccount, shipment: StoredShipment) -> Json:
    """Request a refund from the carrier; it settles days later.

    A parcel that was scanned is refused at once. Asking again after a refusal starts over.
    """
    if not shipment.is_bought:
        raise refund_unavailable()
    if shipment.body["refund_status"] in ("submitted", "refunded"):
        return next(
            one for one in reversed(account.store.refunds.values()) if one["shipment_id"] == shipment.id
        )
    is_unscanned = _is_unscanned(account, shipment)
    now = stamp(account.now)
    record = {
        "id": new_easypost_id("rfnd"),
        "object": "Refund",
        "created_at": now,
        "updated_at": now,
        "tracking_code": shipment.body["tracking_code"],
        "confirmation_number": None,
        "status": "submitted" if is_unscanned else "rejected",
        "carrier": shipment.body["selected_rate"]["carrier"],
        "shipment_id": shipment.id,
    }
    account.store.refunds[str(record["id"])] = record
    shipment.body["refund_status"] = record["status"]
    if is_unscanned:
        _keep_at_home(account, shipment)
        due = account.now + timedelta(days=account.settings.refund_days)
        account.world.agenda.put(
            due, lambda: _settle_refund(account, shipment, record), key=str(record["id"])
        )
    return record


def create_refunds(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Request refunds for several tracking codes; responds with a bare list."""
    fields = call.wrapped("refund")
    codes = fields.get("tracking_codes")
    carrier = str(fields.get("carrier") or "USPS")
    ids = [account.store.by_tracking_code.get((str(code), carrier)) for code in codes or []]
    if not isinstance(codes, list) or not ids or None in ids:
        message = "Unable to proceed, 'tracking_codes' are missing or invalid."
        raise EasyPostError(422, "REFUND.TRACKING_CODES.INVALID", message)
    shipments = [account.store.trackers[str(tracker_id)].body["shipment_id"] for tracker_id in ids]
    if None in shipments:
        raise refund_unavailable()
    return Reply(
        [refund_postage(account, account.store.shipments[shipment_id]) for shipment_id in shipments], 201
    )


def list_postage_refunds(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    found, has_more = easypost_page(
        account.store.refunds.values(),
        call,
        now=account.now,
        id_of=lambda one: str(one["id"]),
        time_of=lambda one: parse_time(one["created_at"]),
    )
    return Reply({"refunds": found, "has_more": has_more})


def retrieve_postage_refund(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.refunds, call.ids["id"], "rfnd"))


def add_label_file(
    account: EasyPostAccount, shipment: StoredShipment, file_format: str, *, base_url: str
) -> None:
    """Give the label a file of this format, drawn when it is fetched."""
    if file_format not in LABEL_FILES:
        raise EasyPostError(
            422, "SHIPMENT.LABEL.CONVERSION_FAILURE", f"Cannot convert the label to {file_format}."
        )
    label = shipment.body["postage_label"]
    field = LABEL_FILES[file_format]
    if label[field] is None:
        name = f"{new_easypost_id('file').removeprefix('file_')}.{file_format.lower()}"
        account.store.label_files[name] = shipment.id
        label[field] = f"{base_url}/files/postage_label/{account.now:%Y%m%d}/{name}"
        label["updated_at"] = stamp(account.now)


def _find_rate(account: EasyPostAccount, shipment: StoredShipment, rate_id: str) -> Json:
    limit = account.settings.rate_seconds
    if limit is not None and account.now - shipment.rated_at > timedelta(seconds=limit):
        raise missing_rate()
    for rate in shipment.body["rates"]:
        if rate["id"] == rate_id:
            return dict(rate)
    raise missing_rate()


def _check_printable(shipment: StoredShipment, carrier: str) -> None:
    """Errors that carriers report only at purchase."""
    to_address = shipment.body["to_address"]
    if not (to_address["name"] or to_address["company"]):
        raise postage_refused("Missing or invalid ship to attention name")
    if carrier != "USPS" and shipment.is_international and not to_address["phone"]:
        raise postage_refused("Missing or invalid ship to phone number")
    for name in ("name", "company", "street1", "street2", "city", "state"):
        try:
            (to_address[name] or "").encode("latin-1")
        except UnicodeEncodeError:
            raise not_latin(f"to_address.{name}") from None


def _complete(account: EasyPostAccount, shipment: StoredShipment, rate: Json, *, base_url: str) -> None:
    _check_printable(shipment, rate["carrier"])
    price = as_cents(rate["rate"])
    wallet = account.settings.wallet_cents
    if wallet is not None and _balance(account, wallet) < price:
        raise payment_required()
    body = shipment.body
    account.store.labels_bought += 1
    body["selected_rate"] = rate
    body["tracking_code"] = tracking_code(
        rate["carrier"], account.store.labels_bought, is_international=shipment.is_international
    )
    body["updated_at"] = stamp(account.now)
    body["postage_label"] = _label(account)
    label_format = str(body["options"].get("label_format") or "PNG").upper()
    _add_first_file(account, shipment, label_format, base_url=base_url)
    _charge(account, shipment, "LabelFee", 0)
    _charge(account, shipment, "PostageFee", price)
    if shipment.is_international:
        body["forms"].append(_commercial_invoice(account, shipment, base_url=base_url))
    addresses.correct_address(account, body["to_address"])
    tracker = trackers.start_journey(account, shipment, rate["delivery_days"])
    body["tracker"] = tracker.id


def _balance(account: EasyPostAccount, wallet_cents: int) -> int:
    store = account.store
    return wallet_cents - store.spent_cents + store.refunded_cents + store.compensated_cents


def _label(account: EasyPostAccount) -> Json:
    now = stamp(account.now)
    return {
        "object": "PostageLabel",
        "id": new_easypost_id("pl"),
        "created_at": now,
        "updated_at": now,
        "date_advance": 0,
        "integrated_form": "none",
        "label_date": now,
        "label_resolution": account.settings.label_dpi,
        "label_size": "4x6",
        "label_type": "default",
        "label_file_type": "image/png",
        "label_url": None,
        "label_pdf_url": None,
        "label_zpl_url": None,
        "label_epl2_url": None,
        "label_file": None,
    }


def _add_first_file(
    account: EasyPostAccount, shipment: StoredShipment, label_format: str, *, base_url: str
) -> None:
    """The file asked for at creation is found under `label_url`, whatever its format."""
    label = shipment.body["postage_label"]
    if label_format in ("PDF", "ZPL"):
        add_label_file(account, shipment, label_format, base_url=base_url)
        label["label_url"] = label[LABEL_FILES[label_format]]
        label["label_file_type"] = {"PDF": "application/pdf", "ZPL": "application/zpl"}[label_format]
    else:
        add_label_file(account, shipment, "PNG", base_url=base_url)


def _commercial_invoice(account: EasyPostAccount, shipment: StoredShipment, *, base_url: str) -> Json:
    now = stamp(account.now)
    name = f"{new_easypost_id('file').removeprefix('file_')}.pdf"
    account.store.label_files[name] = shipment.id
    return {
        "object": "Form",
        "id": new_easypost_id("form"),
        "created_at": now,
        "updated_at": now,
        "mode": account.mode,
        "form_type": "commercial_invoice",
        "form_url": f"{base_url}/files/form/{account.now:%Y%m%d}/{name}",
        "submitted_electronically": True,
    }


def _charge(account: EasyPostAccount, shipment: StoredShipment, kind: str, amount_cents: int) -> None:
    shipment.body["fees"].append(
        {
            "object": "Fee",
            "type": kind,
            "amount": fee_amount(amount_cents),
            "charged": True,
            "refunded": False,
        }
    )
    shipment.cost_cents += amount_cents
    account.store.spent_cents += amount_cents


def _is_unscanned(account: EasyPostAccount, shipment: StoredShipment) -> bool:
    tracker = account.store.trackers.get(shipment.body["tracker"])
    return tracker is None or tracker.body["status"] in REFUNDABLE


def _keep_at_home(account: EasyPostAccount, shipment: StoredShipment) -> None:
    """A parcel whose refund is requested is never posted; EasyPost's test parcels travel regardless."""
    tracker = account.store.trackers.get(shipment.body["tracker"])
    if tracker is not None and account.settings.journey == "realistic":
        tracker.halt(after=account.now + timedelta(minutes=1))


def _settle_refund(account: EasyPostAccount, shipment: StoredShipment, record: Json) -> None:
    """Settle a refund: granted unless the parcel was scanned meanwhile or the setting rejects it."""
    is_granted = account.settings.refund_outcome == "refunded" and _is_unscanned(account, shipment)
    record["status"] = shipment.body["refund_status"] = "refunded" if is_granted else "rejected"
    record["updated_at"] = stamp(account.now)
    if not is_granted:
        return
    # Postage is refunded, insurance is not.
    for fee in shipment.body["fees"]:
        if fee["type"] == "PostageFee":
            fee["refunded"] = True
            account.store.refunded_cents += as_cents(fee["amount"])
    shipment.is_refunded = True
    account.store.labels_refunded += 1
    publish_easypost_event(
        account, "refund.successful", record, {"status": "submitted"}, key=str(record["id"])
    )
