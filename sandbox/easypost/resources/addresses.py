"""Addresses: create, verify and correct them as USPS does.

A word anywhere in `street1` scripts the outcome of a verification:

    undeliverable   E.ADDRESS.NOT_FOUND
    missing-house   E.HOUSE_NUMBER.MISSING
    bad-apt         deliverable, with E.SECONDARY_INFORMATION.INVALID
    misspelt        deliverable, and corrected: the street without this word
    outage          the verification service is down (503)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, as_object, created, find_by_id
from sandbox.easypost.errors import EasyPostError, unverifiable
from sandbox.easypost.formats import as_text_field, is_true, offset_stamp, parse_time
from sandbox.easypost.ids import new_easypost_id, stable_number
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.resources.geography import STATES
from sandbox.vendor_json import Json

_TEXT_FIELDS = ("name", "company", "street1", "street2", "city", "state", "zip", "country", "phone", "email")
_PO_BOX = re.compile(r"\b(p\.?\s*o\.?\s*box|post\s+office\s+box)\b", re.IGNORECASE)
_MISSPELT = re.compile(r"\bmisspelt\s*", re.IGNORECASE)
_US_ZIP = re.compile(r"\d{5}(-\d{4})?")

NOT_FOUND = ("E.ADDRESS.NOT_FOUND", "address", "Address not found")
HOUSE_NUMBER_MISSING = ("E.HOUSE_NUMBER.MISSING", "street1", "House number is missing")
SECONDARY_INVALID = (
    "E.SECONDARY_INFORMATION.INVALID",
    "street2",
    "Invalid secondary information(Apt/Suite#)",
)


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result of a verification: errors, and whether mail can still be delivered."""

    is_deliverable: bool
    errors: list[Json] = field(default_factory=list)


def create_address(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    address = build(account, call.wrapped("address"))
    asked = call.body
    if asked.get("verify_carrier"):
        _carrier_verified(address, str(asked["verify_carrier"]))
    elif is_true(asked.get("verify_strict")):
        _strictly_verified(account, address)
    elif is_true(asked.get("verify")):
        _annotate(address, examine(account, address))
    return created("addresses", _keep(account, address))


def create_and_verify(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    address = build(account, call.wrapped("address"))
    if carrier := call.body.get("verify_carrier"):
        _carrier_verified(address, str(carrier))
    else:
        _strictly_verified(account, address)
    _keep(account, address)
    return Reply({"address": address}, 200, {"Location": f"/api/v2/addresses/{address['id']}"})


def verify_address_fields(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Verify an address; the result is a new address with its own id."""
    original = find_by_id(account.store.addresses, call.ids["id"], "adr")
    address = build(account, original)
    _strictly_verified(account, address)
    _keep(account, address)
    return Reply({"address": address}, 200, {"Location": f"/api/v2/addresses/{address['id']}"})


def retrieve_address(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.addresses, call.ids["id"], "adr"))


def list_addresses(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    found, has_more = easypost_page(
        account.store.addresses.values(),
        call,
        now=account.now,
        id_of=lambda address: str(address["id"]),
        time_of=lambda address: parse_time(address["created_at"]),
    )
    return Reply({"addresses": found, "has_more": has_more})


def take(account: EasyPostAccount, given: object, field_name: str) -> Json:
    """The address that a shipment names: `{"id"}` of one we have, or the fields of a new one."""
    fields = as_object(given, field_name)
    if set(fields) == {"id"}:
        return find_by_id(account.store.addresses, str(fields["id"]), "adr")
    return _keep(account, build(account, fields))


def build(account: EasyPostAccount, given: Json) -> Json:
    """A new address as sent; nothing is required of it, and the country is US unless given."""
    now = offset_stamp(account.now)
    fields = {name: as_text_field(given.get(name)) for name in _TEXT_FIELDS}
    fields["country"] = (fields["country"] or "US").upper()
    return {
        "id": new_easypost_id("adr"),
        "object": "Address",
        "created_at": now,
        "updated_at": now,
        **fields,
        "mode": account.mode,
        "carrier_facility": None,
        "residential": given.get("residential"),
        "federal_tax_id": _hidden(given.get("federal_tax_id")),
        "state_tax_id": _hidden(given.get("state_tax_id")),
        "verifications": {},
    }


def examine(account: EasyPostAccount, address: Json) -> VerificationResult:
    """Verify an address without changing it. Raises EasyPostError if the service is down or not enabled."""
    street = (address["street1"] or "").lower()
    if "outage" in street:
        message = "The address verification service is unavailable. Please try again."
        raise EasyPostError(503, "ADDRESS.VERIFY.UPSTREAM_UNAVAILABLE", message)
    if address["country"] != "US" and not account.settings.international_verification:
        message = "International verification is not enabled for this account."
        raise EasyPostError(422, "ADDRESS.VERIFY.INTL_NOT_ENABLED", message)
    found: list[tuple[str, str, str]] = []
    if "undeliverable" in street or not _is_known_place(address):
        found.append(NOT_FOUND)
    if "missing-house" in street or (address["country"] == "US" and not _has_house_number(street)):
        found.append(HOUSE_NUMBER_MISSING)
    if found:
        return VerificationResult(False, _as_errors(found))
    return VerificationResult(True, _as_errors([SECONDARY_INVALID]) if "bad-apt" in street else [])


def correct_address(account: EasyPostAccount, address: Json) -> None:
    """Correct the destination on purchase: a verified US address is rewritten under the same id."""
    if address["country"] != "US" or address["verifications"]:
        return
    try:
        verdict = examine(account, address)
    except EasyPostError:
        return
    if verdict.is_deliverable:
        _annotate(address, verdict)
        address["updated_at"] = offset_stamp(account.now)


def names_a_po_box(address: Json) -> bool:
    return _PO_BOX.search(f"{address['street1'] or ''} {address['street2'] or ''}") is not None


def _keep(account: EasyPostAccount, address: Json) -> Json:
    account.store.addresses[address["id"]] = address
    return address


def _hidden(tax_id: object) -> str | None:
    return "HIDDEN" if tax_id else None


def _as_errors(found: list[tuple[str, str, str]]) -> list[Json]:
    return [
        {"code": code, "field": field_name, "message": message, "suggestion": None}
        for code, field_name, message in found
    ]


def _is_known_place(address: Json) -> bool:
    if address["country"] != "US":
        return bool(address["street1"] and address["city"])
    return address["state"] in STATES and _US_ZIP.fullmatch(address["zip"] or "") is not None


def _has_house_number(street: str) -> bool:
    return any(character.isdigit() for character in street)


def _strictly_verified(account: EasyPostAccount, address: Json) -> None:
    verdict = examine(account, address)
    if not verdict.is_deliverable:
        raise unverifiable(verdict.errors)
    _annotate(address, verdict)


def _annotate(address: Json, verdict: VerificationResult) -> None:
    """Write the verdict into the address, and correct the address if it is deliverable."""
    if verdict.is_deliverable and address["country"] == "US":
        _normalise(address)
    details = _details(address) if verdict.is_deliverable else {}
    verifications: Json = {
        "delivery": {"success": verdict.is_deliverable, "errors": verdict.errors, "details": details}
    }
    if address["country"] == "US":  # Only US addresses have a ZIP+4.
        zip4 = {"success": verdict.is_deliverable, "errors": verdict.errors, "details": None}
        verifications = {"zip4": zip4, **verifications}
    address["verifications"] = verifications


def _carrier_verified(address: Json, carrier: str) -> None:
    """A carrier's own check always "succeeds"; problems are listed in the errors."""
    known = _is_known_place(address) and "undeliverable" not in (address["street1"] or "").lower()
    if known:
        _normalise(address)
    else:
        _capitalise(address)
    errors = [] if known else _as_errors([NOT_FOUND])
    nowhere = {"latitude": None, "longitude": None, "time_zone": None}
    address["verifications"] = {
        "zip4": {"success": True, "errors": errors, "details": None},
        "delivery": {"success": True, "errors": errors, "details": _details(address) if known else nowhere},
        "verify_carrier": carrier.lower(),
    }


def _normalise(address: Json) -> None:
    """Capitals, street2 merged into street1, ZIP+4, home or business."""
    second = (address["street2"] or "").strip()
    street = _MISSPELT.sub("", address["street1"] or "").strip()
    address["street1"] = f"{street} {second}".strip()
    address["street2"] = ""
    _capitalise(address)
    number = stable_number(address["street1"], address["zip"] or "")
    if address["country"] == "US":
        address["zip"] = f"{(address['zip'] or '')[:5]}-{1000 + number % 9000}"
    # Seven in ten delivery points are homes.
    address["residential"] = number // 9000 % 10 < 7


def _capitalise(address: Json) -> None:
    for name in ("name", "company", "street1", "street2", "city", "state"):
        if address[name] is not None:
            address[name] = address[name].upper()
    address["street2"] = address["street2"] or ""


def _details(address: Json) -> Json:
    """A point near the middle of the state; abroad, only that it was found."""
    spot = STATES.get(address["state"] or "") if address["country"] == "US" else None
    if spot is None:
        return {"latitude": None, "longitude": None, "time_zone": None}
    number = stable_number(address["street1"] or "", address["city"] or "")
    return {
        "latitude": round(spot.latitude + (number % 10_000 - 5_000) / 20_000, 5),
        "longitude": round(spot.longitude + (number // 10_000 % 10_000 - 5_000) / 20_000, 5),
        "time_zone": spot.time_zone,
    }
