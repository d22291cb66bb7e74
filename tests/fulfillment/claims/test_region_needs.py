"""What a region asks for is needed, and what it does not ask for is not kept; whoever makes the claim."""

from dataclasses import replace
from datetime import datetime

import pytest

from common.errors import BadRequest
from fulfillment.claims.models import Claim, Region
from fulfillment.claims.services.amendments_and_reviews import change_address
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import EncryptedDocument
from fulfillment.vault.services import Purpose, open_address
from tests.conftest import MakeClaim

pytestmark = pytest.mark.django_db


def kept(claim: Claim, now: datetime) -> PostalAddress:
    return open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor="staff", now=now)


@pytest.mark.parametrize(
    ("needs", "changed", "field", "code"),
    [
        ("phone_required", {}, "phone", "required"),
        ("tax_id_required", {}, "tax_id", "required"),
        ("", {"street1": "PO Box 12"}, "street1", "po_box"),
        ("", {"name": "Ольга Пример"}, "latin_name", "latin_required"),
        ("", {"company": "株式会社"}, "latin_company", "latin_required"),
    ],
)
def test_what_is_needed_is_asked_for_and_nothing_is_stored_without_it(
    stock: None,
    make_claim: MakeClaim,
    address: PostalAddress,
    needs: str,
    changed: dict[str, str],
    field: str,
    code: str,
) -> None:
    Region.objects.filter(country="US").update(po_box_allowed=False, **({needs: True} if needs else {}))
    with pytest.raises(BadRequest) as refused:
        make_claim(address=replace(address, **changed))
    assert [(error.field, error.code) for error in refused.value.errors] == [
        (f"shipping_address.{field}", code)
    ]
    assert not Claim.objects.exists()
    assert not EncryptedDocument.objects.exists()


def test_what_nobody_asks_for_is_not_kept(
    stock: None, make_claim: MakeClaim, address: PostalAddress, now: datetime
) -> None:
    given = replace(address, phone="+1 415 555 0100", tax_id="123")
    claim = make_claim(address=given)
    assert kept(claim, now) == address
    Region.objects.filter(country="US").update(phone_required=True)
    change_address(code=claim.code, address=given, actor="staff", now=now)
    assert kept(claim, now) == replace(address, phone="+1 415 555 0100")


def test_a_change_of_address_is_held_to_the_same(
    stock: None, make_claim: MakeClaim, address: PostalAddress, now: datetime
) -> None:
    claim = make_claim()
    with pytest.raises(BadRequest):
        change_address(
            code=claim.code, address=replace(address, city="Сан-Франциско"), actor="staff", now=now
        )
    assert kept(claim, now) == address
