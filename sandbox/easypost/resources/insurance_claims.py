"""Insurance claims: filed with evidence, reviewed for some days, then paid into the wallet or not.

https://docs.easypost.com/docs/insurance/claims
"""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, created, find_by_id
from sandbox.easypost.errors import EasyPostError, required, uninsured
from sandbox.easypost.events import publish_easypost_event
from sandbox.easypost.formats import as_cents, as_dollars, parse_time, stamp
from sandbox.easypost.ids import fixed_id, new_easypost_id
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.store import StoredShipment
from sandbox.vendor_json import Json

TYPES = ("damage", "loss", "theft")
ALWAYS = ("description", "contact_email", "email_evidence_attachments", "invoice_attachments")
ATTACHED = ("email_evidence_attachments", "invoice_attachments", "supporting_documentation_attachments")
OPEN = ("submitted", "in_review", "needs_action")
SAID = {
    "submitted": "Claim was created.",
    "in_review": "Claim is being reviewed.",
    "needs_action": "More documents are needed.",
    "approved": "Claim was approved.",
    "approved_partial": "Claim was approved in part.",
    "rejected": "Claim was rejected.",
    "cancelled": "Claim cancellation was requested.",
}


def create_insurance_claim(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """File a claim on the insurance of the shipment with this tracking code.

    Raises: EasyPostError: no insurance for this code, or a field is missing. That every claim needs a mail
            and
        an invoice, and damage pictures, is documented; how the vendor refuses is assumed.
    """
    shipment = _insured(account, str(call.body.get("tracking_code") or ""))
    if call.body.get("type") not in TYPES:
        raise required("type")
    pictures = ("supporting_documentation_attachments",) if call.body["type"] == "damage" else ()
    for name in (*ALWAYS, *pictures):
        if not call.body.get(name):
            raise required(name)
    requested = as_cents(call.body.get("amount") or 0)
    if not 0 < requested <= as_cents(shipment.body["insurance"]):
        raise EasyPostError(422, "CLAIM.PARAMETERS.INVALID", "The amount is not covered by the insurance.")
    claim = _new(account, shipment, call, requested)
    account.store.claims[claim["id"]] = claim
    publish_easypost_event(account, "claim.submitted", claim, {}, key=claim["id"])
    _put(account, claim, "in_review", days=1)
    _put(account, claim, account.settings.claim_outcome, days=account.settings.claim_days)
    return created("claims", claim)


def retrieve_insurance_claim(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.claims, call.ids["id"], "clm"))


def list_insurance_claims(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    found, has_more = easypost_page(
        account.store.claims.values(),
        call,
        now=account.now,
        id_of=lambda one: str(one["id"]),
        time_of=lambda one: parse_time(one["created_at"]),
    )
    return Reply({"claims": found, "has_more": has_more})


def cancel_insurance_claim(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    claim = find_by_id(account.store.claims, call.ids["id"], "clm")
    if claim["status"] not in OPEN:
        raise EasyPostError(422, "CLAIM.CANCEL.FAILURE", "The claim is decided.")
    _turn(account, claim, "cancelled")
    return Reply(claim)


def _insured(account: EasyPostAccount, tracking_code: str) -> StoredShipment:
    for shipment in account.store.shipments.values():
        if shipment.body["tracking_code"] == tracking_code and shipment.body["insurance"] is not None:
            return shipment
    raise uninsured()


def _new(
    account: EasyPostAccount, shipment: StoredShipment, call: EasyPostCall, requested_cents: int
) -> Json:
    now = stamp(account.now)
    files = [one for name in ATTACHED for one in call.body.get(name) or []]
    return {
        "id": new_easypost_id("clm"),
        "object": "Claim",
        "mode": account.mode,
        "created_at": now,
        "updated_at": now,
        "approved_amount": None,
        "attachments": [_stored(account, call, one) for one in files],
        "check_delivery_address": None,
        "contact_email": call.body["contact_email"],
        "description": call.body["description"],
        "history": [_line(account, "submitted")],
        "insurance_amount": shipment.body["insurance"],
        "insurance_id": fixed_id("ins", shipment.id),
        "payment_method": call.body.get("payment_method") or "easypost_wallet",
        "recipient_name": call.body.get("recipient_name"),
        "requested_amount": as_dollars(requested_cents),
        "salvage_value": None,
        "shipment_id": shipment.id,
        "status": "submitted",
        "status_detail": SAID["submitted"],
        "status_timestamp": now,
        "tracking_code": shipment.body["tracking_code"],
        "type": call.body["type"],
    }


def _stored(account: EasyPostAccount, call: EasyPostCall, attachment: object) -> str:
    """Where a file sent as a data URL lies; its bytes are looked at and forgotten."""
    head, _, content = str(attachment).partition(";base64,")
    kind = {"data:image/png": "png", "data:image/jpeg": "jpg", "data:application/pdf": "pdf"}.get(head)
    try:
        is_file = bool(base64.b64decode(content, validate=True))
    except binascii.Error:
        is_file = False
    if kind is None or not is_file:
        raise EasyPostError(422, "CLAIM.PARAMETERS.INVALID", "An attachment is no PDF, PNG or JPEG.")
    name = new_easypost_id("file").removeprefix("file_")
    return f"{call.base_url}/files/insurance/{account.now:%Y%m%d}/{name}.{kind}"


def _line(account: EasyPostAccount, status: str) -> Json:
    return {"status": status, "status_detail": SAID[status], "timestamp": stamp(account.now)}


def _put(account: EasyPostAccount, claim: Json, status: str, *, days: int) -> None:
    due = account.now + timedelta(days=days)
    account.world.agenda.put(due, lambda: _review(account, claim, status), key=claim["id"])


def _review(account: EasyPostAccount, claim: Json, status: str) -> None:
    if claim["status"] in OPEN:
        _turn(account, claim, status)


def _turn(account: EasyPostAccount, claim: Json, status: str) -> None:
    before = {"status": claim["status"]}
    if status.startswith("approved"):
        requested = as_cents(claim["requested_amount"])
        approved = requested if status == "approved" else requested // 2
        claim["approved_amount"] = as_dollars(approved)
        account.store.compensated_cents += approved
    now = stamp(account.now)
    claim["history"] = [_line(account, status), *claim["history"]]
    claim |= {
        "status": status,
        "status_detail": SAID[status],
        "status_timestamp": now,
        "updated_at": now,
    }
    told = {"approved_partial": "approved"}.get(status, status)
    name = told if told in ("approved", "rejected", "cancelled") else "updated"
    publish_easypost_event(account, f"claim.{name}", claim, before, key=claim["id"])
