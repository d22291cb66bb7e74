"""Every page of the claimant's asks the database at most 15 times, for someone with little and with much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import REASONS, CaseKind
from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import record_delivered
from fulfillment.claims.services.waitlist import serve_waitlists
from fulfillment.notices.examples import CONTEXTS
from fulfillment.notices.models import Notice
from fulfillment.notices.secrets import link_token
from fulfillment.notices.services import queue_notice, send_notices
from fulfillment.shipments.models import LabelPurchase, TrackingUpdate
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import Opening
from fulfillment.vault.services import open_address
from inventory.models import KeyModel
from inventory.services.reservations import Wanted, release, reserve
from roster.services.appeals import decline_appeal, make_appeal
from roster.services.delegations import delegate
from roster.services.designations import designate_critical
from roster.services.exceptions import grant_exception, request_exception
from tests.conftest import DOWNLOADS, ROLES, USB_A, MakeClaim, Roster, import_roster
from tests.pages.claiming import Claimant
from tests.pages.parcels import sealed_and_sent
from tests.pages.public import PUBLIC_PAGES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]

SignedIn = Callable[[str], Client]
MOST = 15
PUBLIC = (*PUBLIC_PAGES, "/status/", "/no-such-page/")
OF_STRANGERS = ("/sign-in/login/code/", "/sign-in/login/")
OF_EVERYBODY = ("/me/data/", "/me/data/erase/", "/me/standing/", "/messages/", "/sign-in/logout/")
STEPS = ("/claim/", "/claim/keys/", "/claim/keys/?port=usb_c", "/claim/address/", "/claim/review/")
# How much someone with much has of everything that a page lists.
MUCH = 20


def queries_of(client: Client, path: str) -> int:
    """How often a page asks, once it and all it stands on were looked at."""
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code in (200, 404), path
    return len(captured)


def too_many(client: Client, *paths: str) -> dict[str, int]:
    counted = {path: queries_of(client, path) for path in paths}
    return {path: count for path, count in counted.items() if count > MOST}


def make_much(roster: Roster, directory: Path, now: datetime) -> None:
    """Let the owner own many critical projects; have named, appealed, been excepted and written to, often."""
    names = [f"much-{number:02}" for number in range(MUCH)]
    directory.mkdir()
    owned = "".join(f"{name},m-owner,Owner,2014-03-01\n" for name in names)
    loaded = "".join(f"{name},900000\n" for name in names)
    import_roster(directory, now=now, roles=ROLES + owned, downloads=DOWNLOADS + loaded)
    designate_critical(actor="staff", now=now, cohort_size=MUCH + 1)
    owner = roster["m-owner"]
    actor = f"maintainer:{owner.pk}"
    for number, name in enumerate(names):
        delegate(project=name, username="m-bystander", delegated_by=owner, actor=actor, now=now)
        asked = make_appeal(account=owner, rule="two_factor", text=f"Again: {number}.", actor=actor, now=now)
        decline_appeal(appeal_id=asked.pk, answer="No.", actor="staff:1", now=now)
        queue_notice(
            account_id=owner.pk,
            template=Notice.Template.APPEAL_ANSWERED,
            context=CONTEXTS[Notice.Template.APPEAL_ANSWERED],
            once=f"much:{number}",
            now=now,
        )
    for rule in ("two_factor", "not_organization_account"):
        wanted = request_exception(
            account_id=owner.pk,
            rule=rule,
            reason="So.",
            expires_at=now + timedelta(days=30),
            actor="staff:1",
            now=now,
        )
        grant_exception(exception_id=wanted.pk, actor="staff:2", now=now)
    send_notices(now=now)


@pytest.fixture(params=["little", "much"])
def client_of_owner(
    request: pytest.FixtureRequest, roster: Roster, signed_in: SignedIn, tmp_path: Path, now: datetime
) -> Client:
    if request.param == "much":
        make_much(roster, tmp_path / "much", now)
    return signed_in("m-owner")


def of(claim: Claim, *pages: str) -> list[str]:
    return [f"/claims/{claim.code}/{page}" for page in pages]


def test_what_everybody_may_see(client: Client, client_of_owner: Client, roster: Roster) -> None:
    no_thanks = f"/me/no-thanks/{link_token(roster['m-owner'].pk)}/"
    assert too_many(client, *PUBLIC, *OF_STRANGERS, no_thanks) == {}
    assert too_many(client_of_owner, *PUBLIC, *OF_EVERYBODY) == {}


def test_every_step_to_a_claim(client_of_owner: Client, address: PostalAddress) -> None:
    owner = Claimant(client_of_owner, address)
    assert too_many(owner.client, "/claim/") == {}
    owner.prepare()
    assert too_many(owner.client, *STEPS) == {}


def test_a_claim_accepted_sent_delivered_and_complained_of(
    client_of_owner: Client, make_claim: MakeClaim, now: datetime
) -> None:
    claim = make_claim("m-owner")
    for _ in range(MUCH):
        open_address(subject=claim.code, purpose=Opening.Purpose.LABEL, actor="system:x", now=now)
    ours = of(claim, "", "made/", "address/", "cancel/", "enrol/")
    assert too_many(client_of_owner, *ours, *OF_EVERYBODY) == {}
    shipment = sealed_and_sent(claim, now=now)
    label = LabelPurchase.objects.get(shipment=shipment)
    TrackingUpdate.objects.bulk_create(
        TrackingUpdate(
            purchase=label,
            status="in_transit",
            said_at=now + timedelta(hours=number),
            is_applied=True,
            recorded_at=now,
        )
        for number in range(MUCH)
    )
    assert too_many(client_of_owner, *of(claim, "", "report/", "enrol/"), *OF_EVERYBODY) == {}
    record_delivered(claim, now=now)
    Case.objects.bulk_create(
        Case(kind=CaseKind.SHIPMENT, shipment=shipment, reason=reason, opened_at=now, due_at=now)
        for reason in REASONS[CaseKind.SHIPMENT]
    )
    assert too_many(client_of_owner, *of(claim, "", "report/", "enrol/"), *OF_EVERYBODY) == {}


def test_a_place_in_line_an_offer_and_a_review(
    client_of_owner: Client, make_claim: MakeClaim, signed_in: SignedIn, now: datetime
) -> None:
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
    claim = make_claim("m-owner")
    ours = of(claim, "", "made/", "address/", "cancel/")
    assert too_many(client_of_owner, *ours, *OF_EVERYBODY) == {}
    with transaction.atomic():
        release(holder="elsewhere", actor="staff", now=now, reason="cancelled")
    serve_waitlists(now=now)
    assert too_many(client_of_owner, *ours) == {}
    reviewed = make_claim("m-org")
    assert too_many(signed_in("m-org"), *of(reviewed, "", "made/", "address/", "cancel/")) == {}


def test_in_two_parcels(client_of_owner: Client, address: PostalAddress, now: datetime) -> None:
    with transaction.atomic():
        model = KeyModel.objects.get(sku=USB_A).pk
        reserve(holder="elsewhere", wanted=[Wanted(model, 10)], actor="staff", now=now)
    owner = Claimant(client_of_owner, address)
    form = owner.prepare()
    assert too_many(owner.client, "/claim/keys/", "/claim/review/") == {}
    owner.client.post("/claim/review/", form | {"when_short": "part"})
    for claim in Claim.objects.all():
        assert too_many(owner.client, *of(claim, "", "made/", "address/", "cancel/")) == {}
