"""A small programme of five weeks, played by the real services: claims, parcels, one back, one lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common import clock
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.errors import Ineligible
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.shipment_callbacks import (
    record_delivered,
    record_label_bought,
    record_returning,
    record_shipped,
)
from fulfillment.claims.services.submission import submit_claim
from fulfillment.shipments.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipments.services.cases import open_case
from fulfillment.vault.addresses import PostalAddress
from inventory.services.movements import move
from roster.services.accounts import import_accounts
from roster.services.roles import import_roles
from tests.conftest import ACCOUNTS, ROLES, USB_A, USB_C, import_roster, receive

PEOPLE = [f"p-{number:02}" for number in range(1, 11)]
STARTED = datetime(2022, 7, 11, 12, 0, tzinfo=UTC)
# Moments between the things that happen, the last after all of them.
MOMENTS = [STARTED + timedelta(hours=1)] + [STARTED + timedelta(days=days) for days in (4, 9, 15, 20, 33, 60)]
POSTAGE_CENTS = [451, 1207, 388]


@pytest.fixture
def at_the_end() -> Iterator[datetime]:
    """The edge of the process reads a clock that stands after the whole programme."""
    with clock.reading(lambda: MOMENTS[-1]):
        yield MOMENTS[-1]


@pytest.fixture
def people(db: None, now: datetime, tmp_path: Path) -> None:
    """The standing cast, and ten owners of the critical project without two-factor authentication."""
    accounts = "".join(
        f"{name},{name}@example.org,true,2015-01-01T00:00:00Z,false,false,false\n" for name in PEOPLE
    )
    roles = "".join(f"keystone-lib,{name},Owner,2016-01-01\n" for name in PEOPLE)
    import_roster(tmp_path, now=now, accounts=ACCOUNTS + accounts, roles=ROLES + roles)


Claiming = Callable[..., Claim]


@pytest.fixture
def claim_keys(people: None, campaign: Campaign, address: PostalAddress, tmp_path: Path) -> Claiming:
    """Claim a pair for somebody, in a country, at a moment; the roster came in again just before."""

    def claim_keys(username: str, *, country: str, at: datetime) -> Claim:
        for bring_in, name in ((import_accounts, "accounts.csv"), (import_roles, "roles.csv")):
            bring_in(path=tmp_path / name, actor="staff", now=at)
        return submit_claim(
            campaign=campaign,
            username=username,
            items=[WantedItem(USB_A, 1), WantedItem(USB_C, 1)],
            address=replace(address, country=country, phone="+15550100"),
            actor="staff",
            now=at,
        )

    return claim_keys


@pytest.fixture
def programme(claim_keys: Claiming, now: datetime) -> Campaign:
    """Six claims in Germany, one in France, one in the US; cancelled, lost, returned, delivered, under way."""
    receive(now=now, each=9)
    first, second = (claim_keys(name, country="DE", at=_on(0)) for name in PEOPLE[:2])
    third = claim_keys(PEOPLE[2], country="DE", at=_on(1))
    _refused(claim_keys, on=1)
    given_up = claim_keys(PEOPLE[3], country="DE", at=_on(2))
    _refused(claim_keys, on=2)
    french = claim_keys(PEOPLE[6], country="FR", at=_on(3))
    ship(first, on=5, cents=POSTAGE_CENTS[0])
    ship(second, on=5, cents=POSTAGE_CENTS[1])
    cancel_claim(code=given_up.code, actor="staff", now=_on(6))
    for name in PEOPLE[4:6]:
        claim_keys(name, country="DE", at=_on(8))
    deliver(first, on=10)
    ship(third, on=12, cents=POSTAGE_CENTS[2])
    claim_keys(PEOPLE[7], country="US", at=_on(14))
    bring_back(second, on=16)
    ship(french, on=17, cents=None)
    lose(third, on=30)
    open_cases(third, french)
    receive(now=_on(40), each=2, lot="LOT-2")
    return french.campaign


def open_cases(lost: Claim, missed: Claim) -> None:
    """A lost parcel's case stays open; the other's carrier missed the recipient, and the case was closed."""
    parcels = {
        claim: Shipment.objects.create(claim=claim, created_at=_on(4), updated_at=_on(4))
        for claim in (lost, missed)
    }
    purchase = LabelPurchase.objects.create(
        shipment=parcels[missed], price_cap_cents=5000, promised_days=9, incoterm="DDP", created_at=_on(4)
    )
    TrackingUpdate.objects.create(
        purchase=purchase, status="failure", said_at=_on(18), is_applied=True, recorded_at=_on(18)
    )
    open_case(shipment=parcels[missed], reason=CaseReason.DELIVERY_PROBLEM, now=_on(18))
    Case.objects.filter(shipment=parcels[missed]).update(closed_at=_on(19), outcome="sent again")
    open_case(shipment=parcels[lost], reason=CaseReason.LOST, now=_on(30))


def _refused(claim_keys: Claiming, *, on: int) -> None:
    """Somebody without a critical project tries."""
    with pytest.raises(Ineligible):
        claim_keys("m-bystander", country="DE", at=_on(on))


def _on(day: int) -> datetime:
    return STARTED + timedelta(days=day, hours=2)


def ship(claim: Claim, *, on: int, cents: int | None) -> None:
    at = _on(on)
    claim.refresh_from_db()
    move(holder=claim.code, to_account="packed", reason="pack", actor="staff", now=at)
    if cents is not None:
        record_label_bought(claim, data={"cost_cents": cents, "currency": "USD"}, now=at)
    move(holder=claim.code, to_account="in_transit", reason="hand_over", actor="staff", now=at)
    record_shipped(claim, carrier="USPS", tracking_code="T1", now=at)


def deliver(claim: Claim, *, on: int) -> None:
    move(holder=claim.code, to_account="delivered", reason="deliver", actor="staff", now=_on(on))
    record_delivered(claim, now=_on(on))


def bring_back(claim: Claim, *, on: int) -> None:
    """Returned, and quarantined the day after, as everything that comes back."""
    move(holder=claim.code, to_account="returned", reason="return", actor="staff", now=_on(on))
    record_returning(claim, problem="returned", now=_on(on))
    move(holder=claim.code, to_account="quarantine", reason="quarantine", actor="staff", now=_on(on + 1))


def lose(claim: Claim, *, on: int) -> None:
    move(holder=claim.code, to_account="lost", reason="lose", actor="staff", now=_on(on))
