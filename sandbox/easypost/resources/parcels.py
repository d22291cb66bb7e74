"""Parcels and customs declarations."""

from __future__ import annotations

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, as_object, created, find_by_id
from sandbox.easypost.errors import invalid_shipment, required
from sandbox.easypost.formats import as_text_field, is_true, number, stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.vendor_json import Json


def create_parcel(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return created("parcels", take_parcel(account, call.wrapped("parcel")))


def retrieve_parcel(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.parcels, call.ids["id"], "prcl"))


def create_customs_item(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return created("customs_items", _take_item(account, call.wrapped("customs_item")))


def retrieve_customs_item(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.customs_items, call.ids["id"], "cstitem"))


def create_customs_info(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    info = take_customs_info(account, call.wrapped("customs_info"))
    if info is None:
        raise required("customs_info")
    return created("customs_infos", info)


def retrieve_customs_info(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_by_id(account.store.customs_infos, call.ids["id"], "cstinfo"))


def take_parcel(account: EasyPostAccount, given: object) -> Json:
    """The parcel that a shipment names, by id or by fields. Weight is in ounces and must be positive."""
    fields = as_object(given, "parcel")
    if set(fields) == {"id"}:
        return find_by_id(account.store.parcels, str(fields["id"]), "prcl")
    weight = number(fields.get("weight"), "parcel.weight")
    if weight <= 0:
        raise invalid_shipment([{"field": "parcel.weight", "message": "must be greater than 0"}])
    now = stamp(account.now)
    parcel: Json = {
        "id": new_easypost_id("prcl"),
        "object": "Parcel",
        "created_at": now,
        "updated_at": now,
        **{side: _optional_number(fields.get(side), side) for side in ("length", "width", "height")},
        "predefined_package": fields.get("predefined_package"),
        "weight": weight,
        "mode": account.mode,
    }
    account.store.parcels[parcel["id"]] = parcel
    return parcel


def take_customs_info(account: EasyPostAccount, given: object) -> Json | None:
    """The declaration that a shipment names; an empty one counts as none."""
    if not given:
        return None
    fields = as_object(given, "customs_info")
    if set(fields) == {"id"}:
        return find_by_id(account.store.customs_infos, str(fields["id"]), "cstinfo")
    now = stamp(account.now)
    info: Json = {
        "id": new_easypost_id("cstinfo"),
        "object": "CustomsInfo",
        "created_at": now,
        "updated_at": now,
        "contents_explanation": as_text_field(fields.get("contents_explanation")),
        "contents_type": as_text_field(fields.get("contents_type")),
        "customs_certify": is_true(fields.get("customs_certify", False)),
        "customs_signer": as_text_field(fields.get("customs_signer")),
        "eel_pfc": as_text_field(fields.get("eel_pfc")),
        "non_delivery_option": as_text_field(fields.get("non_delivery_option")) or "return",
        "restriction_comments": as_text_field(fields.get("restriction_comments")),
        "restriction_type": as_text_field(fields.get("restriction_type")) or "none",
        "mode": account.mode,
        "declaration": as_text_field(fields.get("declaration")),
        "customs_items": [_take_item(account, item) for item in fields.get("customs_items") or []],
    }
    account.store.customs_infos[info["id"]] = info
    return info


def _take_item(account: EasyPostAccount, given: object) -> Json:
    """One line of a declaration. Value and weight are totals of the line; the value comes back as text."""
    fields = as_object(given, "customs_items")
    if set(fields) == {"id"}:
        return find_by_id(account.store.customs_items, str(fields["id"]), "cstitem")
    now = stamp(account.now)
    item: Json = {
        "id": new_easypost_id("cstitem"),
        "object": "CustomsItem",
        "created_at": now,
        "updated_at": now,
        "description": as_text_field(fields.get("description")),
        "hs_tariff_number": as_text_field(fields.get("hs_tariff_number")),
        "origin_country": as_text_field(fields.get("origin_country")),
        "quantity": int(number(fields.get("quantity", 1), "customs_item.quantity")),
        "value": str(number(fields.get("value", 0), "customs_item.value")),
        "weight": number(fields.get("weight", 0), "customs_item.weight"),
        "code": as_text_field(fields.get("code")),
        "mode": account.mode,
        "manufacturer": as_text_field(fields.get("manufacturer")),
        "currency": as_text_field(fields.get("currency")),
        "eccn": as_text_field(fields.get("eccn")),
        "printed_commodity_identifier": as_text_field(fields.get("printed_commodity_identifier")),
    }
    account.store.customs_items[item["id"]] = item
    return item


def _optional_number(value: object, field_name: str) -> float | None:
    return None if value is None else number(value, f"parcel.{field_name}")
