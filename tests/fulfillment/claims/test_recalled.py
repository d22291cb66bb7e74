"""A recall and those who have its keys: replaced by one action, once a key; or back in line."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from common.invariants import verify_all
from fulfillment.claims.errors import NothingToReplace
from fulfillment.claims.models import Claim, ReplacedUnit
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.services.recalls import RecallReplacements, grant_replacements, return_to_waitlist
from fulfillment.claims.services.replacements import grant_replacement
from fulfillment.claims.services.shipment_callbacks import (
    record_delivered,
    record_shipped,
    start_label,
)
from fulfillment.notices.models import Notice
from fulfillment.vault.services import Purpose, open_address, shred
from inventory.errors import UnknownDocument
from inventory.models import Unit
from inventory.rules import Criteria
from inventory.services.movements import move
from inventory.services.recalls import open_recall
from inventory.services.receiving import receive_stock
from tests.conftest import USB_A, USB_C, MakeClaim, receive
from tests.fulfillment.claims.test_amendments_and_reviews import LATER, NOW

pytestmark = pytest.mark.django_db
BAD_LOT = Criteria(lot=f"LOT-1 {USB_A}")


def delivered(claim: Claim) -> Claim:
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder=claim.code, to_account=to_account, reason=reason, actor="system:test", now=NOW)
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=NOW)
    record_delivered(claim, now=NOW)
    return claim


def recall(criteria: Criteria = BAD_LOT) -> str:
    return open_recall(criteria=criteria, why="bad firmware", actor="staff:ada", now=NOW).recall.code


def grant(code: str) -> RecallReplacements:
    return grant_replacements(recall_code=code, actor="staff:ada", now=LATER)


@pytest.fixture
def holder(make_claim: MakeClaim) -> Claim:
    """Has one key of each model."""
    receive(now=NOW, each=1)
    return delivered(make_claim())


def test_one_action_replaces_the_recalled_key_with_another_of_the_model(holder: Claim) -> None:
    receive(now=NOW, each=3, lot="LOT-2")
    done = grant(recall())
    (code,) = done.granted
    replacement = Claim.objects.get(code=code)
    assert (replacement.state, replacement.replaces, replacement.country) == ("accepted", holder, "US")
    (unit,) = Unit.objects.held_by(code)
    assert (unit.key_model.sku, unit.lot.reference) == (USB_A, f"LOT-2 {USB_A}")
    assert open_address(subject=code, purpose=Purpose.LABEL, actor="test", now=LATER).name == "Robin Example"
    assert Notice.objects.get(template="replacement").context == {"quantity": 1}
    assert verify_all().violations == []


def test_done_again_it_replaces_nothing_twice(holder: Claim) -> None:
    receive(now=NOW, each=3, lot="LOT-2")
    code = recall()
    grant(code)
    done = grant(code)
    assert (done.granted, done.replaced_before) == ([], [holder.code])
    assert Claim.objects.count() == 2
    (line,) = ReplacedUnit.objects.all()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReplacedUnit.objects.create(
            claim=line.claim, unit=line.unit, why="again", granted_by="staff:ada", granted_at=LATER
        )


def test_a_recall_of_a_whole_model_is_replaced_by_any_other(holder: Claim) -> None:
    receive_stock(sku=USB_C, lot_reference="C-2", quantity=1, actor="staff", now=NOW)
    done = grant(recall(Criteria(sku=USB_A)))
    (code,) = done.granted
    assert Unit.objects.get(held_for=code).key_model.sku == USB_C


def test_without_stock_the_replacement_waits_in_line(holder: Claim) -> None:
    done = grant(recall())
    (code,) = done.granted
    assert Claim.objects.get(code=code).state == "waitlisted"
    assert verify_all().violations == []


def test_whose_address_is_gone_is_asked_for_one_and_granted_then(
    holder: Claim, make_claim: MakeClaim
) -> None:
    receive(now=NOW, each=3, lot="LOT-2")
    address = open_address(subject=holder.code, purpose=Purpose.LABEL, actor="test", now=NOW)
    shred(subject=holder.code, now=NOW)
    code = recall()
    done = grant(code)
    assert (done.granted, done.without_address) == ([], [holder.code])
    assert not ReplacedUnit.objects.exists()
    assert Notice.objects.filter(template="ask_address").count() == 1
    serials = list(Unit.objects.filter(lot__reference=BAD_LOT.lot).values_list("serial", flat=True))
    made = grant_replacement(
        code=holder.code, serials=serials, why=code, actor="staff:ada", now=LATER, address=address
    )
    assert made.state == "accepted"


def test_only_keys_that_the_claim_had_are_replaced(holder: Claim) -> None:
    receive_stock(sku=USB_A, lot_reference="X", serials=["SOMEBODY-ELSES"], actor="staff", now=NOW)
    with pytest.raises(NothingToReplace, match="belong to another claim"):
        grant_replacement(
            code=holder.code, serials=["SOMEBODY-ELSES"], why="drill", actor="staff:ada", now=LATER
        )
    assert Claim.objects.count() == 1


def test_an_unknown_or_lifted_recall_grants_nothing(holder: Claim) -> None:
    with pytest.raises(UnknownDocument):
        grant("R-NONE")


def test_a_claim_whose_reserved_keys_are_recalled_goes_to_the_front_of_the_line(
    make_claim: MakeClaim,
) -> None:
    receive(now=NOW, each=1)
    unlucky = make_claim("m-owner")
    later = make_claim("m-second", items=[WantedItem(USB_A, 1)], now=NOW + timedelta(minutes=1))
    held = open_recall(criteria=BAD_LOT, why="bad", actor="staff:ada", now=LATER)
    assert held.short == (unlucky.code,)
    assert return_to_waitlist(recall_id=held.recall.pk, now=LATER) == [unlucky.code]
    assert return_to_waitlist(recall_id=held.recall.pk, now=LATER) == []
    assert verify_all().violations == []
    unlucky.refresh_from_db()
    assert (unlucky.state, unlucky.waitlisted_at) == ("waitlisted", unlucky.created_at)
    assert list(Claim.objects.waitlist()) == [unlucky, later]
    assert Notice.objects.get(template="recalled").context == {"place": 1}


def test_a_claim_whose_label_is_begun_keeps_what_it_has(make_claim: MakeClaim) -> None:
    receive(now=NOW, each=1)
    claim = make_claim()
    start_label(claim_id=claim.pk, now=NOW)
    held = open_recall(criteria=BAD_LOT, why="bad", actor="staff:ada", now=LATER)
    assert return_to_waitlist(recall_id=held.recall.pk, now=LATER) == []
    assert Unit.objects.held_by(claim.code).count() == 1
