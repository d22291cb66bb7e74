"""Households are compared by a keyed hash, and told apart no more once their campaign's key is shredded."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from fulfillment.claims import eligibility
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.rules.retention import KEEP_HOUSEHOLDS_FOR
from fulfillment.claims.services.amendments_and_reviews import cancel_claim, change_address
from fulfillment.claims.services.retention import shred_due_households
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.households import (
    Household,
    household_hash,
    household_of,
    lock_household,
    shred_households,
)
from fulfillment.vault.models import DataKey, HouseholdKey
from tests.conftest import MakeClaim, Roster
from tests.roster.conftest import published_from_a_draft

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOME = PostalAddress(
    name="Ada Example", street1="12 Torvandel Way", city="Portland", postal_code="97205", country="US"
)
KEY = bytes(32)


@pytest.mark.parametrize(
    "other",
    [
        replace(HOME, name="Ben Example"),
        replace(HOME, street1="12 TORVANDEL WAY."),
        replace(HOME, street1="12 Torvandél  Way"),
        replace(HOME, street1="12", street2="Torvandel Way"),
        replace(HOME, city="portland", phone="+15550100123"),
    ],
)
def test_one_home_is_one_household_however_it_is_typed(other: PostalAddress) -> None:
    assert household_hash(HOME, key=KEY) == household_hash(other, key=KEY)


@pytest.mark.parametrize(
    "other",
    [
        replace(HOME, street1="13 Torvandel Way"),
        replace(HOME, postal_code="97206"),
        replace(HOME, country="CA"),
        replace(HOME, street2="Flat 2"),
    ],
)
def test_another_home_is_another_household(other: PostalAddress) -> None:
    assert household_hash(HOME, key=KEY) != household_hash(other, key=KEY)


def test_each_campaign_has_a_key_of_its_own() -> None:
    first = household_of(scope="keys-2026", address=HOME, now=NOW)
    assert first == household_of(scope="keys-2026", address=HOME, now=NOW)
    assert first != household_of(scope="keys-2027", address=HOME, now=NOW)
    assert HouseholdKey.objects.count() == 2


def test_a_shredded_campaign_tells_no_households_apart() -> None:
    household_of(scope="keys-2026", address=HOME, now=NOW)
    assert shred_households(scope="keys-2026", now=NOW) is True
    assert household_of(scope="keys-2026", address=HOME, now=NOW) is None
    assert HouseholdKey.objects.get().wrapped_key is None
    assert shred_households(scope="keys-2026", now=NOW) is False


@pytest.fixture
def strict(campaign: Campaign, stock: None, now: datetime) -> Campaign:
    """The campaign under a policy that has a second claim to one household reviewed."""
    rules = [*campaign.policy.document["rules"]]
    rules.append({"rule": "address_not_shared", "max_claims": 1, "on_fail": "review"})
    document = {"version": "households", "rules": rules}
    campaign.policy = published_from_a_draft(document, now=now)
    campaign.save()
    return campaign


def test_a_second_claim_to_the_same_household_is_reviewed(
    strict: Campaign, make_claim: MakeClaim, address: PostalAddress
) -> None:
    assert make_claim("m-owner").state == "accepted"
    second = make_claim("m-second", address=replace(address, name="Somebody Else"))
    assert second.state == "in_review"
    assert second.decision.headline == "address_not_shared"
    assert "Montgomery" not in str(second.decision.facts) + str(second.decision.verdicts)


def test_another_household_is_not_reviewed_and_a_cancelled_claim_does_not_count(
    strict: Campaign, make_claim: MakeClaim, address: PostalAddress, now: datetime
) -> None:
    first = make_claim("m-owner", address=replace(address, street1="1 Elsewhere Road"))
    assert make_claim("m-second").state == "accepted"
    with_new_address = change_address(
        code=first.code, address=replace(address, street1="2 Elsewhere Road"), actor="x", now=now
    )
    cancel_claim(code=with_new_address.code, actor="x", now=now)
    again = make_claim("m-owner", address=replace(address, street1="2 Elsewhere Road"))
    assert again.state == "accepted"


def test_a_changed_address_is_the_one_that_counts(
    strict: Campaign, make_claim: MakeClaim, address: PostalAddress, now: datetime
) -> None:
    first = make_claim("m-owner")
    change_address(code=first.code, address=replace(address, street1="1 Far Road"), actor="x", now=now)
    assert make_claim("m-second").state == "accepted"


def test_households_go_with_their_campaign(
    strict: Campaign, make_claim: MakeClaim, address: PostalAddress
) -> None:
    make_claim("m-owner")
    assert DataKey.objects.get().household is not None
    due = strict.closes_at + KEEP_HOUSEHOLDS_FOR
    assert shred_due_households(now=due - timedelta(seconds=1)) == []
    assert shred_due_households(now=due) == [strict.slug]
    assert DataKey.objects.get().household is None
    assert shred_due_households(now=due) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_claims_of_one_household_at_once_do_not_overlook_each_other(
    is_guarded: bool,
    roster: Roster,
    strict: Campaign,
    make_claim: MakeClaim,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the lock both find no other and pass; with it the second waits, and is reviewed."""
    both_decided = threading.Barrier(2, timeout=1.5)
    explain = eligibility.explain

    def explain_and_wait(**given: Any) -> Any:
        explained = explain(**given)
        try:
            both_decided.wait()
        except threading.BrokenBarrierError:
            pass
        return explained

    monkeypatch.setattr(eligibility, "explain", explain_and_wait)
    if not is_guarded:
        monkeypatch.setattr(eligibility, "lock_household", lambda household: None)
    # The campaign's key is there before, as it is for every claim but the first.
    household_of(scope=strict.slug, address=HOME, now=NOW)

    def claim(username: str) -> None:
        try:
            make_claim(username)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[name]) for name in ("m-owner", "m-second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = sorted(Claim.objects.values_list("state", flat=True))
    assert states == (["accepted", "in_review"] if is_guarded else ["accepted", "accepted"])


@pytest.mark.django_db(transaction=True)
def test_the_lock_ends_with_its_transaction() -> None:
    with transaction.atomic():
        lock_household(Household(b"\xff" * 32, 1))
    with transaction.atomic():
        lock_household(Household(b"\xff" * 32, 1))
