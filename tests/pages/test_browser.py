"""The claimant's way in a real browser: on a phone and on a laptop, light and dark, with and without scripts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from common import clock
from config.models import User
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.services.amendments_and_reviews import review_claim
from fulfillment.claims.services.shipment_callbacks import record_delivered
from fulfillment.claims.services.waitlist import serve_waitlists
from fulfillment.notices.secrets import link_token
from fulfillment.notices.services import send_notices
from fulfillment.postage import gateways
from fulfillment.postage.gateways.easypost import EasyPostGateway
from inventory.models import KeyModel
from inventory.services.reservations import Wanted, release, reserve
from roster.models import Account, Appeal, Disclaimer, ProjectRole
from roster.services.appeals import grant_appeal
from roster.services.exceptions import grant_exception
from roster.services.preferences import disclaim_role, opt_in, opt_out, take_back_disclaimer
from sandbox.server import Sandbox
from tests.browser import WIDTHS, Scheme, Visitor, mailed_code
from tests.conftest import USB_A, import_roster, open_campaign, receive
from tests.pages.parcels import SEAL, TRACKING_CODE, sealed_and_sent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[..., Visitor]
PHONE, DESK = WIDTHS["phone"], WIDTHS["desk"]
# Scripts at every width and scheme, and none on a phone: what scripts would do, the server does.
WAYS = [(PHONE, "light", True), (DESK, "light", True), (PHONE, "light", False), (DESK, "light", False)]


@pytest.fixture(autouse=True)
def _programme(transactional_db: None, now: datetime, tmp_path: Path) -> None:
    # Sign-in codes are limited per address and minute; the counts of the test before are not this one's.
    cache.clear()
    import_roster(tmp_path, now=now)
    open_campaign(now=now)
    receive(now=now, each=10)


@pytest.fixture(scope="module")
def carrier(now_module: datetime) -> Iterator[Sandbox]:
    with Sandbox(start_at=now_module) as running:
        yield running


@pytest.fixture(scope="module")
def now_module() -> datetime:
    from datetime import UTC

    return datetime(2022, 7, 11, 12, tzinfo=UTC)


@pytest.fixture
def _asked_carrier(carrier: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Addresses are looked at by the stand-in; elsewhere in these tests no one answers."""
    asked = EasyPostGateway(api_key="EZTKtests", api_base=carrier.easypost_url, mode="test", timeout_s=5)
    monkeypatch.setattr(gateways, "address_verifier", lambda: asked)
    yield
    asked.close()


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def make(width: int = DESK, scheme: Scheme = "light", *, javascript: bool = True) -> Visitor:
        visitors.append(
            Visitor(
                browser,
                site=live_server.url,
                width=width,
                scheme=scheme,
                javascript=javascript,
                claims=True,
            )
        )
        # The day's first look at the first page makes the published figures.
        visitors[-1].page.set_default_navigation_timeout(60_000)
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


def sign_in(visitor: Visitor, email: str, *, look: bool = False) -> None:
    """From wherever the visitor was sent to sign in."""
    page = visitor.page
    if look:
        visitor.look_both("sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    if look:
        visitor.look_both("sign-in-code")
    page.get_by_label("Code").fill(mailed_code())
    page.get_by_role("button", name="Sign in").click()


def fill_address(page: Page, street: str = "417 Montgomery Street") -> None:
    page.get_by_label("Full name").fill("Robin Example")
    page.get_by_label("Street and number").fill(street)
    page.get_by_label("ZIP code").fill("94104")
    page.get_by_label("Town or city").fill("San Francisco")
    page.get_by_label("State").select_option("CA")


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def to_keys(visitor: Visitor, email: str) -> Page:
    """Sign in and say where the keys go."""
    page = visitor.go("/claim/")
    sign_in(visitor, email)
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)
    page.get_by_role("heading", name="Which keys?").wait_for()
    return page


def to_review(visitor: Visitor, email: str) -> Page:
    """Sign in and take every step but the last."""
    page = to_keys(visitor, email)
    go_on(page)
    page.get_by_role("heading", name="Where should we send the keys?").wait_for()
    fill_address(page)
    go_on(page)
    page.get_by_role("heading", name="Check your answers").wait_for()
    return page


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_eligible_claimed_tracked_delivered_confirmed(
    visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime
) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    page = visitor.go("/")
    visitor.look_both("home")
    page.get_by_role("link", name="Sign in to check and claim").click()
    sign_in(visitor, "owner@example.org", look=True)
    page.get_by_role("heading", name="You may claim, m-owner").wait_for()
    page.get_by_text("Result of each rule").click()
    visitor.look_both("claim-1-start")
    go_on(page)
    page.get_by_role("alert").wait_for()
    visitor.look_both("claim-1-start-error")
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)

    page.get_by_role("heading", name="Which keys?").wait_for()
    page.get_by_text("Which ports do you have?").first.click()
    page.get_by_label("USB-C: the small oval one").check()
    page.get_by_role("button", name="Suggest keys").click()
    page.get_by_text("These fit your ports.").wait_for()
    expect(page.get_by_label("Security key, USB-C and NFC")).to_have_value("2")
    visitor.look_both("claim-2-keys")
    page.get_by_label("Security key, USB-A and NFC").select_option("1")
    go_on(page)
    page.get_by_role("alert").wait_for()
    visitor.look_both("claim-2-keys-error")
    page.get_by_label("Security key, USB-C and NFC").select_option("1")
    go_on(page)

    page.get_by_role("heading", name="Where should we send the keys?").wait_for()
    page.get_by_label("Full name").fill("Robin Example")
    go_on(page)
    page.get_by_role("alert").wait_for()
    visitor.look_both("claim-3-address-error")
    expect(page.get_by_label("Full name")).to_have_value("Robin Example")
    fill_address(page)
    visitor.look_both("claim-3-address")
    go_on(page)

    page.get_by_role("heading", name="Check your answers").wait_for()
    visitor.look_both("claim-4-review")
    assert not Claim.objects.exists()
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("heading", name="Your keys are reserved").wait_for()
    visitor.look_both("made-accepted")
    # Back is back to the claim, not to a form that was sent already.
    page.go_back()
    page.get_by_role("heading", name="Your claim", exact=True).wait_for()
    claim = Claim.objects.get()
    send_notices(now=now)
    page.reload()
    visitor.look_both("claim-accepted")

    page.get_by_role("link", name="Change the address").click()
    expect(page.get_by_label("Street and number")).to_have_value("417 Montgomery Street")
    visitor.look_both("claim-change-address")
    page.get_by_label("Street and number").fill("500 Montgomery Street")
    page.get_by_role("button", name="Send it there").click()
    page.get_by_role("status").get_by_text("The parcel goes to the new address.").wait_for()

    sealed_and_sent(claim, now=now + timedelta(days=1))
    page.reload()
    page.get_by_text("On its way").first.wait_for()
    expect(page.get_by_text(TRACKING_CODE)).to_be_visible()
    expect(page.get_by_text(SEAL)).to_be_visible()
    visitor.look_both("claim-shipped")
    record_delivered(claim, now=now + timedelta(days=5))
    page.reload()
    visitor.look_both("claim-delivered")
    page.get_by_role("button", name="I have my keys").click()
    page.get_by_role("heading", name="Add your keys to your account").wait_for()
    visitor.look_both("claim-enrol")
    page.get_by_role("link", name="Back to my claim").click()
    page.get_by_text("Confirmed by you").wait_for()
    page.get_by_role("link", name="Report a problem").click()
    page.get_by_role("button", name="Tell us").click()
    page.get_by_role("alert").wait_for()
    visitor.look_both("claim-report-error")
    page.get_by_label("The seal is broken").check()
    page.get_by_role("button", name="Tell us").click()
    page.get_by_role("status").get_by_text("We will look into it").wait_for()
    visitor.look_both("claim-reported")
    page.get_by_role("link", name="All messages we have sent you").click()
    page.get_by_role("heading", name="Every message we sent you").wait_for()
    visitor.look_both("messages")


@contextmanager
def roster_of_three_days_ago(owner: Account, now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now + timedelta(days=3)):
        yield


@contextmanager
def no_longer_maintaining(owner: Account, now: datetime) -> Iterator[None]:
    project, actor = ProjectRole.objects.get(account=owner).project_id, f"maintainer:{owner.pk}"
    kind = Disclaimer.Kind.NO_LONGER
    disclaim_role(account=owner, project_id=project, kind=kind, actor=actor, now=now)
    yield
    take_back_disclaimer(account=owner, project_id=project, actor=actor, now=now)


@contextmanager
def left_out(owner: Account, now: datetime) -> Iterator[None]:
    opt_out(account=owner, actor=f"maintainer:{owner.pk}", now=now)
    yield
    opt_in(account=owner, actor=f"maintainer:{owner.pk}", now=now)


@contextmanager
def campaign_closed(owner: Account, now: datetime) -> Iterator[None]:
    closes_at = Campaign.objects.get().closes_at
    Campaign.objects.update(closes_at=now - timedelta(days=1))
    yield
    Campaign.objects.update(closes_at=closes_at)


# What becomes of someone who could claim: the reason they then read, and what can be done about it.
BECOMES = {
    "stale-roster": (roster_of_three_days_ago, "too long ago to decide by", "Please try again tomorrow"),
    "no-longer": (no_longer_maintaining, "not Owner or Maintainer", "ask its owners to add your account"),
    "opted-out": (left_out, "You have left the programme.", "rejoin the programme"),
    "closed": (campaign_closed, "The programme is over: it closed on", "A later programme may be open"),
}


def is_refused(visitor: Visitor, name: str, reason: str, remedy: str) -> None:
    page = visitor.page
    page.get_by_role("heading", name="You cannot claim at the moment").wait_for()
    refusal = page.locator(".verdict-fail").filter(has_text=reason)
    expect(refusal).to_be_visible()
    expect(refusal).to_contain_text(remedy)
    expect(page.get_by_role("button", name="Continue")).to_have_count(0)
    expect(page.get_by_role("link", name="Appeal, or correct your projects")).to_be_visible()
    visitor.look_both(f"refused-{name}")


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_each_refusal_gives_every_reason_and_what_to_do(
    visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime
) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    for who, reason, remedy in (
        ("guarded", "already protected by a security key", "There is nothing you need to do."),
        ("bystander", "not Owner or Maintainer of a project", "ask its owners to add your account"),
    ):
        visitor.context.clear_cookies()
        visitor.go("/claim/")
        sign_in(visitor, f"{who}@example.org")
        is_refused(visitor, who, reason, remedy)

    visitor.context.clear_cookies()
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    page.get_by_role("heading", name="You may claim, m-owner").wait_for()
    owner = Account.objects.get(username="m-owner")
    for name, (become, reason, remedy) in BECOMES.items():
        with become(owner, now):
            page.reload()
            is_refused(visitor, name, reason, remedy)
    with left_out(owner, now):
        page.reload()
        # Each remedy that lies with the person is one click away, and leads back.
        page.get_by_role("link", name="Rejoin the programme").click()
        page.get_by_role("button", name="Rejoin the programme").click()
        page.get_by_role("status").get_by_text("you can take part again").wait_for()
        page.goto("/claim/")
        page.get_by_role("heading", name="You may claim, m-owner").wait_for()

    page.get_by_label("Country the keys go to").select_option("KP")
    go_on(page)
    refusal = page.locator(".verdict-fail").filter(has_text="restricted by sanctions law")
    expect(refusal).to_contain_text("If you have an address in another country, use that.")
    visitor.look_both("refused-country")
    # There is a way on: another country.
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)
    page.get_by_role("heading", name="Which keys?").wait_for()


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_waitlisted_then_promoted(
    visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime
) -> None:
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
    visitor = visit(width, scheme, javascript=javascript)
    page = to_review(visitor, "owner@example.org")
    visitor.look_both("claim-4-review-waitlist")
    page.get_by_role("button", name="Join the waitlist").click()
    page.get_by_role("heading", name="You are number 1 in line").wait_for()
    visitor.look_both("made-waitlisted")
    page.get_by_role("link", name="See your claim").click()
    visitor.look_both("claim-waitlisted")
    with transaction.atomic():
        release(holder="elsewhere", actor="staff", now=now, reason="cancelled")
    assert serve_waitlists(now=now) == 1
    page.reload()
    page.get_by_role("heading", name="Keys are available for you").wait_for()
    visitor.look_both("claim-offered")
    page.get_by_role("link", name="No, thank you").click()
    visitor.look_both("claim-decline")
    page.get_by_role("link", name="Go back").click()
    page.get_by_role("button", name="Yes, send them").click()
    page.get_by_role("heading", name="Your keys are reserved").wait_for()


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_one_now_one_later(visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime) -> None:
    with transaction.atomic():
        model = KeyModel.objects.get(sku=USB_A).pk
        reserve(holder="elsewhere", wanted=[Wanted(model, 10)], actor="staff", now=now)
    visitor = visit(width, scheme, javascript=javascript)
    page = to_keys(visitor, "owner@example.org")
    # What is in stock is suggested; this person wants one of each all the same.
    page.get_by_label("Security key, USB-A and NFC").select_option("1")
    page.get_by_label("Security key, USB-C and NFC").select_option("1")
    visitor.look_both("claim-2-keys-short")
    go_on(page)
    fill_address(page)
    go_on(page)
    page.get_by_role("heading", name="Check your answers").wait_for()
    expect(page.get_by_label("In two parcels: 1 now, 1 as soon as there is stock")).to_be_checked()
    visitor.look_both("claim-4-review-short")
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("heading", name="Your keys are reserved").wait_for()
    visitor.look_both("made-in-part")
    page.get_by_role("link", name="See your claim").click()
    page.get_by_text("1 more key comes in a parcel of its own.").wait_for()
    visitor.look_both("claim-in-part")
    page.get_by_role("link", name="See claim").click()
    page.get_by_text("This is the second parcel of a claim of yours.").wait_for()
    visitor.look_both("claim-the-rest")


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_refused_appealed_and_admitted(
    visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime
) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    page = visitor.go("/claim/")
    sign_in(visitor, "guarded@example.org")
    page.get_by_role("link", name="Appeal, or correct your projects").click()
    page.get_by_role("heading", name="My roles").wait_for()
    page.get_by_role("button", name="Send appeal").click()
    page.get_by_text("Enter a reason.").first.wait_for()
    visitor.look_both("standing-error")
    page.get_by_label("Which rule do you want to appeal?").select_option("two_factor")
    page.get_by_label("Why should it not apply to you?").fill("My only key broke.")
    page.get_by_role("button", name="Send appeal").click()
    page.get_by_role("status").get_by_text("Your appeal has been sent").wait_for()
    visitor.look_both("standing-asked")
    appeal = Appeal.objects.get()
    until = now + timedelta(days=30)
    grant_appeal(appeal_id=appeal.pk, answer="We are sorry.", expires_at=until, actor="staff:1", now=now)
    appeal.refresh_from_db()
    assert appeal.exception_id is not None
    grant_exception(exception_id=appeal.exception_id, actor="staff:2", now=now)
    page.goto("/me/standing/")
    page.get_by_text("We are sorry.").first.wait_for()
    visitor.look_both("standing-answered")
    page.goto("/claim/")
    page.get_by_role("heading", name="You may claim, m-guarded").wait_for()
    visitor.look_both("claim-1-start-exception")


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_reviewed_then_approved_and_cancelled(
    visit: Visit, width: int, scheme: Scheme, javascript: bool, now: datetime
) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    page = visitor.go("/claim/")
    sign_in(visitor, "org@example.org")
    page.get_by_role("heading", name="You may claim; we review the claim first").wait_for()
    visitor.look_both("claim-1-start-review")
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)
    go_on(page)
    fill_address(page)
    go_on(page)
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("heading", name="We review your claim").wait_for()
    visitor.look_both("made-in-review")
    claim = Claim.objects.get()
    review_claim(code=claim.code, approve=True, note="Named.", reviewer="staff:rita", now=now)
    page.get_by_role("link", name="See your claim").click()
    expect(page.get_by_text("A member of staff reviewed your claim and approved it.")).to_be_visible()
    visitor.look_both("claim-approved")
    page.get_by_role("link", name="Cancel this claim").click()
    visitor.look_both("claim-cancel")
    page.get_by_role("button", name="Cancel the claim").click()
    expect(page.get_by_text("Your claim is cancelled.")).to_be_visible()
    visitor.look_both("claim-cancelled")


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS[:2])
@pytest.mark.usefixtures("_asked_carrier")
def test_the_carriers_word_is_accepted_or_overruled(
    visit: Visit, width: int, scheme: Scheme, javascript: bool
) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)
    go_on(page)
    fill_address(page, "417 Misspelt Montgomery Street")
    go_on(page)
    page.get_by_role("heading", name="The carrier has a different version of this address").wait_for()
    visitor.look_both("address-difference")
    page.get_by_role("button", name="Use the carrier’s version").click()
    expect(page.get_by_text("417 Montgomery Street")).to_be_visible()
    page.get_by_role("link", name="Change the address").click()
    page.get_by_label("Street and number").fill("417 Undeliverable Road")
    go_on(page)
    page.get_by_role("heading", name="The carrier does not know this address").wait_for()
    visitor.look_both("address-unknown")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("Street and number")).to_have_value("417 Undeliverable Road")
    go_on(page)
    page.get_by_role("button", name="Use my version").click()
    expect(page.get_by_text("417 Undeliverable Road")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (DESK, "light")])
def test_a_latin_version_is_asked_for_where_the_label_needs_it(
    visit: Visit, width: int, scheme: Scheme
) -> None:
    visitor = visit(width, scheme)
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    page.get_by_label("Country the keys go to").select_option("JP")
    go_on(page)
    go_on(page)
    page.get_by_label("Full name").fill("山田 花子")
    page.get_by_label("Postal code").fill("100-0001")
    page.get_by_label("Prefecture").select_option("東京都")
    page.get_by_label("Street and number").fill("千代田 1-1")
    page.get_by_label("Phone").fill("+81 3 5555 0100")
    visitor.look_both("address-japan")
    go_on(page)
    page.get_by_role("alert").wait_for()
    visitor.look_both("address-japan-latin")
    page.get_by_label("Full name, in Latin letters").fill("Hanako Yamada")
    page.get_by_label("Street and number, in Latin letters").fill("1-1 Chiyoda")
    go_on(page)
    page.get_by_role("heading", name="Check your answers").wait_for()
    expect(page.get_by_text("千代田 1-1")).to_be_visible()


PUBLIC = {
    "/countries/": "countries",
    "/countries/?country=JP": "countries-open",
    "/countries/?country=IR": "countries-closed",
    "/countries/?country=BR": "countries-not-yet",
    "/countries/?country=XX": "countries-error",
    "/eligibility/": "eligibility",
    "/questions/": "questions",
    "/privacy/": "privacy",
    "/our-mail/": "our-mail",
    "/status/": "status",
    "/projects/": "projects",
    "/projects/?q=key": "projects-found",
    "/projects/?q=zzz": "projects-none",
    "/projects/keystone-lib/": "project",
    "/projects/quiet-lib/": "project-not-critical",
    "/no-such-page": "not-found",
    "/sign-in/login/": "sign-in-key",
}


def test_the_public_pages_are_in_order(visit: Visit, now: datetime) -> None:
    visitor = visit(PHONE)
    for path, name in PUBLIC.items():
        visitor.go(path)
        visitor.look_all(name)
    for days, name in ((-5, "home-before"), (90, "home-over")):
        with clock.reading(partial(now.__add__, timedelta(days=days))):
            visitor.go("/")
            visitor.look_all(name)
    token = link_token(Account.objects.get(username="m-second").pk)
    page = visitor.go(f"/me/no-thanks/{token}/")
    visitor.look_all("no-thanks")
    page.get_by_role("button", name="Leave the programme").click()
    page.get_by_role("heading", name="You have left the programme").wait_for()
    visitor.look_all("no-thanks-done")
    Campaign.objects.all().delete()
    for path, name in {"/": "home", "/questions/": "questions", "/eligibility/": "eligibility"}.items():
        visitor.go(path)
        visitor.look_all(f"{name}-no-programme")


def test_the_page_for_programs_is_in_order(visit: Visit) -> None:
    visitor = visit(PHONE)
    # All of the interface on one page: no claimant's, and heavier than those may be.
    visitor.claims = False
    visitor.go("/api/v1/docs")
    visitor.look_all("api-docs")


def test_the_other_pages_of_somebody_signed_in_are_in_order(visit: Visit) -> None:
    visitor = visit(PHONE)
    page = visitor.go("/messages/")
    page.get_by_label("Email").fill("nonsense")
    page.get_by_role("button", name="Send me a code").click()
    page.locator("#id_email_error").wait_for()
    visitor.look_all("sign-in-error")
    page.get_by_label("Email").fill("owner@example.org")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill("12")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#id_code_error").wait_for()
    visitor.look_all("sign-in-code-error")
    page.get_by_label("Code").fill(mailed_code())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Every message we sent you").wait_for()
    visitor.look_all("messages-few")
    for path, name in {
        "/me/data/": "my-data-without-claim",
        "/me/standing/": "standing",
        "/claims/C-000000000000/": "claim-unknown",
        "/sign-in/logout/": "sign-out",
    }.items():
        visitor.go(path)
        visitor.look_all(name)
    visitor.go("/me/data/")
    page.get_by_role("textbox", name="Phrase").fill("short")
    page.get_by_role("button", name="Use this phrase").click()
    page.locator("#id_phrase_error").wait_for()
    visitor.look_all("my-data-error")
    visitor.go("/me/standing/")
    page.get_by_label("Time zone, like Europe/Berlin").fill("Atlantis")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    visitor.look_all("standing-where-error")

    # Someone of the staff, who has nothing to claim.
    client = Client()
    client.force_login(User.objects.create(username="robin", is_staff=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": visitor.site}
    visitor.context.clear_cookies()
    visitor.context.add_cookies([cookie])  # type: ignore[list-item]
    visitor.go("/claim/")
    page.get_by_role("heading", name="There is nothing to claim").wait_for()
    visitor.look_all("nothing-to-claim")


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja"])
def test_longer_words_have_room_on_a_phone(visit: Visit, language: str) -> None:
    visitor = visit(PHONE)
    to_review(visitor, "owner@example.org")
    visitor.context.set_extra_http_headers({"Accept-Language": language})
    steps = ("/claim/", "/claim/keys/", "/claim/address/", "/claim/review/")
    for path in ("/", "/questions/", *steps, "/me/data/", "/me/standing/", "/messages/"):
        page = visitor.go(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert not visitor.sticks_out(f"{language}-{path.strip('/').replace('/', '-') or 'home'}"), path


@pytest.mark.parametrize(("width", "scheme", "javascript"), WAYS)
def test_exported_then_erased(visit: Visit, width: int, scheme: Scheme, javascript: bool) -> None:
    visitor = visit(width, scheme, javascript=javascript)
    page = to_review(visitor, "owner@example.org")
    page.get_by_role("button", name="Claim these keys").click()
    page.goto("/me/data/")
    visitor.look_both("my-data")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything (JSON)").click()
    assert "Montgomery" in Path(download.value.path()).read_text()
    page.get_by_role("link", name="Have my data erased").click()
    visitor.look_both("erase")
    page.get_by_role("button").get_by_text("Erase").first.click()
    visitor.look_both("erased")
    assert Claim.objects.get().state == "cancelled"


def test_a_stale_window_shows_the_claim_there_is(visit: Visit) -> None:
    visitor = visit(PHONE, javascript=False)
    page = to_review(visitor, "owner@example.org")
    stale = visitor.context.new_page()
    stale.goto("/claim/review/")
    page.get_by_role("button", name="Claim these keys").dblclick()
    page.get_by_role("heading", name="Your").first.wait_for()
    stale.get_by_role("button", name="Claim these keys").click()
    stale.get_by_role("heading", name="Your claim", exact=True).wait_for()
    assert Claim.objects.count() == 1


def test_without_cookies_nothing_is_stored_and_it_says_why(visit: Visit) -> None:
    visitor = visit(PHONE, javascript=False)
    page = visitor.go("/sign-in/login/code/")
    visitor.context.clear_cookies()
    page.get_by_label("Email").fill("owner@example.org")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_text("your browser refuses cookies")).to_be_visible()


def tab_to(page: Page, what: str) -> None:
    """Press Tab until what has the focus is labelled so, or says so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent")
        if str(focused).strip().startswith(what):
            return
    pytest.fail(f"The keyboard does not come to {what}.")


def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    visitor = visit()
    page = visitor.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent.trim()")
    assert focused == "Sign in to check and claim"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"

    def typed(what: str, text: str, heading: str = "") -> None:
        tab_to(page, what)
        page.keyboard.type(text)
        if heading:
            page.keyboard.press("Enter")
            page.get_by_role("heading", name=heading).wait_for()

    def pressed(what: str, heading: str) -> None:
        tab_to(page, what)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=heading).wait_for()

    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Sign in").wait_for()
    typed("Email", "owner@example.org", "Enter your code")
    typed("Code", mailed_code(), "You may claim, m-owner")
    # Past the open countries' other U: typing chooses.
    typed("Country the keys go to", "United States")
    pressed("Continue", "Which keys?")
    pressed("Continue", "Where should we send the keys?")
    typed("Full name", "Robin Example")
    typed("Street and number", "417 Montgomery Street")
    typed("Town or city", "San Francisco")
    typed("State", "California")
    typed("ZIP code", "94104", "Check your answers")
    pressed("Claim these keys", "Your keys are reserved")
    pressed("See your claim", "Your claim")
    pressed("Cancel this claim", "Cancel this claim?")
    pressed("Cancel the claim", "Your claim")
    expect(page.get_by_text("Your claim is cancelled.")).to_be_visible()


def test_at_twice_the_size_on_the_smallest_screen_nothing_is_lost(visit: Visit) -> None:
    # 320 px wide at 200 %: what a browser makes of that is a window of 160 px and twice the pixels.
    visitor = visit(DESK)
    page = to_review(visitor, "owner@example.org")
    visitor.turn(width=160, scheme="light")
    steps = ("/claim/?country=DE", "/claim/keys/", "/claim/address/", "/claim/review/")
    own = ("/me/data/", "/me/data/erase/", "/me/standing/", "/messages/", "/sign-in/logout/")
    wide = {}
    for path in ("/", *PUBLIC, *steps, *own):
        visitor.go(path)
        wide[path] = visitor.sticks_out(
            f"zoomed-{path.strip('/').replace('/', '-').partition('?')[0] or 'home'}"
        )
    visitor.go("/claim/review/")
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("heading", name="Your keys are reserved").wait_for()
    wide["made"] = visitor.sticks_out("zoomed-made")
    page.get_by_role("link", name="See your claim").click()
    page.get_by_role("heading", name="Your claim", exact=True).wait_for()
    wide["claim"] = visitor.sticks_out("zoomed-claim")
    assert not any(wide.values()), "\n".join(f"{path}: {found}" for path, found in wide.items() if found)


def test_what_jumps_or_weighs_too_much_is_found(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measures that every look at a page takes: without them the rest of this file would prove nothing."""
    visitor = visit(PHONE)
    page = visitor.go("/our-mail/")
    visitor.look("our-mail")
    monkeypatch.setattr("tests.browser.MOST_BYTES", 10_000)
    with pytest.raises(AssertionError, match="bytes in all"):
        visitor.look("our-mail")
    monkeypatch.undo()
    page.evaluate(
        "const late = document.createElement('p'); late.textContent = 'Late'; late.style.padding = '9rem';"
        "document.querySelector('main').prepend(late)"
    )
    page.wait_for_timeout(100)
    with pytest.raises(AssertionError, match="our-mail jumps"):
        visitor.look("our-mail")
