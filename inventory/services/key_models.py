"""Add and change key models. The SKU never changes: it is part of the hashes of the model's units."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from common.errors import BadRequest, FieldError
from inventory.errors import InventoryError
from inventory.models import KeyModel

CHANGEABLE = (
    *("name", "connector", "has_nfc", "is_active", "weight_g", "length_mm", "width_mm", "height_mm"),
    *("physical_source", "hs_code", "hs_source", "origin_country", "customs_value_cents", "currency", "eccn"),
    *("contains_battery", "aaguids", "image"),
)
_ABOVE_NOUGHT = ("weight_g", "length_mm", "width_mm", "height_mm", "customs_value_cents")


class KeyModelChanged(InventoryError):
    """The key model was changed by someone else in the meantime; nothing was saved."""

    code = "key_model_changed"

    def __init__(self, sku: str, fields: list[str]) -> None:
        super().__init__(
            f"Someone else has changed {', '.join(fields)} of {sku} since you opened it. "
            "Check the changes, then decide."
        )


def add_key_model(*, sku: str, values: Mapping[str, object], now: datetime) -> KeyModel:
    """Add a key model. It is given out only by campaigns that list it.

    Raises: BadRequest: values that parcels or customs cannot use, or a SKU that exists.
    """
    problems = _problems(values)
    if not re.fullmatch(r"[A-Z0-9-]{2,40}", sku):
        problems.append(FieldError("sku", "not_plain", "Use 2 to 40 capital letters, digits and dashes."))
    if problems:
        raise BadRequest(problems)
    try:
        with transaction.atomic():
            return KeyModel.objects.create(sku=sku, added_at=now, **values)
    except IntegrityError as error:
        if "one_key_model_per_sku" not in str(error):
            raise
        raise BadRequest([FieldError("sku", "taken", "There is a key model of this SKU.")]) from None


def change_key_model(
    *, sku: str, seen: Mapping[str, object], wanted: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """Save the changed fields. Parcels already described to the carrier keep the old values.

    Args:    seen: the changeable fields as shown to the editor, plain; wanted: their new values.
    Returns: the changed fields, before and after, as plain values.
    Raises:  KeyModelChanged. BadRequest.
    Locks:   the key model's row.
    """
    if problems := _problems(wanted):
        raise BadRequest(problems)
    with transaction.atomic():
        model = KeyModel.objects.select_for_update(no_key=True).get(sku=sku)
        standing = {name: plain(getattr(model, name)) for name in CHANGEABLE}
        if changed := [name for name in CHANGEABLE if standing[name] != seen.get(name)]:
            raise KeyModelChanged(sku, changed)
        names = [name for name in CHANGEABLE if plain(wanted[name]) != standing[name]]
        _set(model, {name: wanted[name] for name in names})
    return {name: standing[name] for name in names}, {name: plain(wanted[name]) for name in names}


def _set(model: KeyModel, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(model, name, value)
    if values:
        model.save(update_fields=list(values))


def plain(value: object) -> object:
    """Return the value as JSON represents it."""
    return [str(one) for one in value] if isinstance(value, list) else value


def _problems(values: Mapping[str, Any]) -> list[FieldError]:
    problems = [
        FieldError(name, "too_small", "At least 1.") for name in _ABOVE_NOUGHT if (values[name] or 0) < 1
    ]
    if not re.fullmatch(r"[0-9]{6,12}", values["hs_code"]):
        problems.append(FieldError("hs_code", "not_digits", "Six to twelve digits, without dots."))
    if not re.fullmatch(r"[A-Z]{2}", values["origin_country"]):
        problems.append(FieldError("origin_country", "no_country", "Two capital letters, such as SE."))
    if not re.fullmatch(r"[A-Z]{3}", values["currency"]):
        problems.append(FieldError("currency", "no_currency", "Three capital letters, such as USD."))
    return problems
