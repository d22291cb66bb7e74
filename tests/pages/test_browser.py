"""The claimant's way in a real browser: on a phone and on a laptop, light and dark, with and without scripts."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from playwright.sync_api import Browser, Page

from fulfillment.claims.models import Claim
from fulfillment.claims.services.progress import (
    record_delivered,
    record_label_bought,
    record_shipped,
    start_label,
)
from fulfillment.notices.models import Notice
from fulfillment.notices.services import send_notice
from inventory.services.reservations import Wanted, reserve
from tests.browser import WIDTHS, Scheme, Visitor, mailed_code
from tests.conftest import import_roster, open_campaign, receive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[..., Visitor]
LOOKS = [(width, scheme) for width in WIDTHS.values() for scheme in ("light", "dark")]


@pytest.fixture(autouse=True)
def _programme(
    transactional_db: None, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sign-in codes are limited per address and minute; the counts of the test before are not this one's.
    cache.clear()
    import_roster(tmp_path, now=now)
    open_campaign(now=now)
    receive(now=now, each=10)


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def make(width: int = WIDTHS["desk"], scheme: Scheme = "light", *, javascript: bool = True) -> Visitor:
        visitors.append(
            Visitor(browser, site=live_server.url, width=width, scheme=scheme, javascript=javascript)
        )
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


def sign_in(visitor: Visitor, email: str, *, look: bool = False) -> None:
    """From wherever the visitor was sent to sign in."""
    page = visitor.page
    if look:
        visitor.look("sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    if look:
        visitor.look("sign-in-code")
    page.get_by_label("Code").fill(mailed_code())
    page.get_by_role("button", name="Sign in").click()


def fill_address(page: Page) -> None:
    page.get_by_label("Country").select_option("US")
    page.get_by_label("Full name").fill("Robin Example")
    page.get_by_label("Street and number").fill("417 Montgomery Street")
    page.get_by_label("Postal code").fill("94104")
    page.get_by_label("Town or city").fill("San Francisco")
    page.get_by_label("State or province").fill("CA")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_maintainer_signs_in_claims_and_follows_the_parcel(
    visit: Visit, width: int, scheme: Scheme, now: datetime
) -> None:
    visitor = visit(width, scheme)
    page = visitor.go("/")
    visitor.look("home")
    page.get_by_role("link", name="Sign in to check and claim").click()
    sign_in(visitor, "owner@example.org", look=True)
    page.get_by_role("heading", name="You may claim, m-owner").wait_for()
    visitor.look("claim-form")
    page.get_by_text("Why, rule by rule").click()
    visitor.look("claim-form-why")

    page.get_by_label("Full name").fill("Robin Example")
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("alert").wait_for()
    visitor.look("claim-form-errors")
    assert page.get_by_label("Full name").input_value() == "Robin Example"
    assert not Claim.objects.exists()

    fill_address(page)
    page.get_by_role("button", name="Claim these keys").click()
    page.get_by_role("heading", name="Your claim").wait_for()
    claim = Claim.objects.get()
    for notice_id in Notice.objects.values_list("pk", flat=True):
        send_notice(notice_id=notice_id, now=now)
    page.reload()
    page.get_by_role("heading", name="Accepted").wait_for()
    visitor.look("claim-accepted")
    page.get_by_role("link", name="Cancel this claim").click()
    visitor.look("claim-cancel")
    page.get_by_role("link", name="Keep it").click()

    start_label(claim_id=claim.pk, now=now + timedelta(days=1))
    claim.refresh_from_db()
    record_label_bought(claim, data={}, now=now + timedelta(days=1))
    record_shipped(claim, carrier="USPS", tracking_code="9400100000000000000000", now=now + timedelta(days=2))
    page.reload()
    assert page.get_by_text("9400100000000000000000").is_visible()
    visitor.look("claim-shipped")
    record_delivered(claim, now=now + timedelta(days=5))
    page.reload()
    visitor.look("claim-delivered")
    visitor.go("/")
    assert page.get_by_role("link", name="See your claim").is_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_who_may_not_claim_sees_every_reason(visit: Visit, width: int, scheme: Scheme) -> None:
    visitor = visit(width, scheme)
    page = visitor.go("/claim/")
    sign_in(visitor, "guarded@example.org")
    page.get_by_role("heading", name="You cannot claim at the moment").wait_for()
    assert page.get_by_role("button", name="Claim these keys").count() == 0
    visitor.look("claim-refused")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_when_keys_are_gone_there_is_a_place_in_line(
    visit: Visit, width: int, scheme: Scheme, now: datetime
) -> None:
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
    visitor = visit(width, scheme)
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    fill_address(page)
    visitor.look("claim-form-waitlist")
    page.get_by_role("button", name="Join the waitlist").click()
    assert page.get_by_text("number 1").is_visible()
    visitor.look("claim-waitlisted")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_other_pages_are_in_order(visit: Visit, width: int, scheme: Scheme) -> None:
    visitor = visit(width, scheme)
    for path, name in {
        "/api/v1/docs": "api-docs",
        "/no-such-page": "not-found",
        "/sign-in/login/": "sign-in-key",
    }.items():
        visitor.go(path)
        visitor.look(name)


def test_everything_works_without_scripts_and_a_double_submit_claims_once(visit: Visit) -> None:
    visitor = visit(WIDTHS["phone"], javascript=False)
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    page.get_by_role("heading", name="You may claim, m-owner").wait_for()
    stale = visitor.context.new_page()
    stale.goto("/claim/")
    for window in (page, stale):
        fill_address(window)
        window.get_by_role("button", name="Claim these keys").click()
        window.get_by_role("heading", name="Your claim").wait_for()
    assert stale.get_by_text("You have a claim already; this is it.").is_visible()
    # Back is back to the claim, not to a form that was sent already.
    page.go_back()
    page.get_by_role("heading", name="Your claim").wait_for()
    assert Claim.objects.count() == 1
    page.get_by_role("link", name="Cancel this claim").click()
    page.get_by_role("button", name="Cancel the claim").click()
    assert page.get_by_text("Your claim is cancelled.").is_visible()


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
