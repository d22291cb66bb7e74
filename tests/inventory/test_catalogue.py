"""The key models the programme starts with."""

from datetime import timedelta

from inventory.default_key_models import ensure_catalogue
from inventory.models import KeyModel
from tests.inventory.conftest import NOW


def test_it_adds_two_models_once_and_leaves_edits_alone(db: None) -> None:
    first = ensure_catalogue(NOW)
    assert {(model.sku, model.connector, model.has_nfc) for model in first} == {
        ("KD-A-NFC", "usb_a", True),
        ("KD-C-NFC", "usb_c", True),
    }
    KeyModel.objects.filter(sku="KD-A-NFC").update(customs_value_cents=3100)
    assert ensure_catalogue(NOW + timedelta(days=1)) == first
    assert KeyModel.objects.get(sku="KD-A-NFC").customs_value_cents == 3100
    assert set(KeyModel.objects.values_list("hs_code", flat=True)) == {"847180"}
