"""The two key models the programme starts with.

Weights and sizes are those of the nearest key with a public data sheet; HS code and value are
defaults with their source beside them. An installation replaces them in the database by the data of the
manufacturer and the customs broker.
"""

from datetime import datetime
from typing import Any

from inventory.models import Connector, KeyModel

_CUSTOMS: dict[str, Any] = {
    "hs_code": "847180",
    "hs_source": (
        "US CBP ruling NY R01364 (2005), USB security dongle: 8471.80.1000; CAAR Delhi, YubiKey: 8471 80 00. "
        "Not legal advice; a broker confirms per destination."
    ),
    "origin_country": "SE",
    "customs_value_cents": 2900,
    "currency": "USD",
    "eccn": "5A992.c",
    "contains_battery": False,
    "has_nfc": True,
}

KEY_MODELS: list[dict[str, Any]] = [
    {
        "sku": "KD-A-NFC",
        "name": "Security key, USB-A and NFC",
        "connector": Connector.USB_A,
        "weight_g": 3,
        "length_mm": 45,
        "width_mm": 18,
        "height_mm": 4,  # 3.3, rounded up: a parcel must hold it
        "physical_source": "YubiKey 5 NFC data sheet: 18 x 45 x 3.3 mm, 3 g",
        **_CUSTOMS,
    },
    {
        "sku": "KD-C-NFC",
        "name": "Security key, USB-C and NFC",
        "connector": Connector.USB_C,
        "weight_g": 3,
        "length_mm": 45,
        "width_mm": 18,
        "height_mm": 5,
        "physical_source": "As the USB-A key with NFC; height of the YubiKey 5C (5 mm)",
        **_CUSTOMS,
    },
]


def ensure_catalogue(now: datetime) -> list[KeyModel]:
    """Add the default key models that do not exist yet; existing ones are left unchanged."""
    return [
        KeyModel.objects.get_or_create(sku=model["sku"], defaults={**model, "added_at": now})[0]
        for model in KEY_MODELS
    ]
