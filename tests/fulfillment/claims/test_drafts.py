"""A claim in the making: kept encrypted, finished later, made once, forgotten in time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from common.invariants import verify_all
from fulfillment.claims.errors import Ineligible
from fulfillment.claims.models import Campaign, Claim, Draft
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.rules.retention import KEEP_DRAFT_FOR
from fulfillment.claims.services import drafts
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey, EncryptedDocument
from fulfillment.vault.services import shred_due
from tests.conftest import USB_A, USB_C, Roster

pytestmark = pytest.mark.django_db
PAIR = [WantedItem(USB_A, 1), WantedItem(USB_C, 1)]


@pytest.fixture
def draft(roster: Roster, campaign: Campaign, address: PostalAddress, now: datetime) -> Draft:
    begun = drafts.draft_of(account=roster["m-owner"], campaign=campaign, now=now)
    drafts.choose_country(begun, country="US", now=now)
    drafts.choose_keys(begun, items=PAIR, service="standard", now=now)
    drafts.store_draft_address(begun, address=address, now=now)
    return begun


def test_it_is_found_again_with_all_that_was_given(
    draft: Draft, roster: Roster, campaign: Campaign, address: PostalAddress, now: datetime
) -> None:
    again = drafts.draft_of(account=roster["m-owner"], campaign=campaign, now=now)
    assert again == draft
    assert drafts.draft_items(again) == PAIR
    assert drafts.draft_address(again, actor="maintainer:1", now=now) == address
    assert "Montgomery" not in str(vars(again))
    assert verify_all().violations == []


def test_an_address_may_be_given_again_and_again(draft: Draft, address: PostalAddress, now: datetime) -> None:
    other = replace(address, street1="1 Elsewhere Road")
    drafts.store_draft_address(draft, address=other, now=now)
    assert drafts.draft_address(draft, actor="maintainer:1", now=now) == other
    assert EncryptedDocument.objects.count() == 1


def test_another_country_destroys_the_address(draft: Draft, now: datetime) -> None:
    drafts.choose_country(draft, country="US", now=now)
    assert draft.has_address
    drafts.choose_country(draft, country="DE", now=now)
    assert drafts.draft_address(draft, actor="maintainer:1", now=now) is None
    assert not EncryptedDocument.objects.exists()


@pytest.mark.usefixtures("stock")
def test_it_becomes_a_claim_and_leaves_no_second_address(
    draft: Draft, address: PostalAddress, now: datetime
) -> None:
    claim = drafts.submit_draft(draft, address=address, agreed=None, actor="maintainer:1", now=now)
    assert claim.state == "accepted"
    assert Draft.objects.get().claim == claim
    assert [key.subject for key in DataKey.objects.filter(shredded_at=None)] == [claim.code]
    assert verify_all().violations == []


@pytest.mark.usefixtures("stock")
def test_a_refusal_leaves_it_as_it_was(
    draft: Draft, address: PostalAddress, roster: Roster, now: datetime
) -> None:
    roster["m-owner"].opted_out_at = now
    roster["m-owner"].save()
    with pytest.raises(Ineligible):
        drafts.submit_draft(draft, address=address, agreed=None, actor="maintainer:1", now=now)
    draft.refresh_from_db()
    assert draft.claim is None
    assert drafts.draft_address(draft, actor="maintainer:1", now=now) == address
    assert not Claim.objects.exists()


def test_what_is_not_finished_is_destroyed_in_time(draft: Draft, now: datetime) -> None:
    assert shred_due(now=now + KEEP_DRAFT_FOR - timedelta(seconds=1)) == 0
    assert shred_due(now=now + KEEP_DRAFT_FOR) == 1
    assert drafts.draft_address(draft, actor="maintainer:1", now=now) is None


def test_it_can_be_dropped(draft: Draft, roster: Roster, now: datetime) -> None:
    assert drafts.delete_drafts(account=roster["m-owner"], now=now) == 1
    assert not Draft.objects.exists()
    assert not EncryptedDocument.objects.exists()


def test_the_database_keeps_one_open_draft_each(draft: Draft, now: datetime) -> None:
    with pytest.raises(IntegrityError, match="one_open_draft_per_campaign"), transaction.atomic():
        Draft.objects.create(campaign=draft.campaign, account=draft.account, created_at=now, updated_at=now)
