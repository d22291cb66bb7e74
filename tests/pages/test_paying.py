"""A claim that costs something, in a real browser: paid, declined, left, cancelled, paid too late, shipped."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from playwright.sync_api import Browser, Page

from common import clock
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.models import Campaign, Claim, Region
from fulfillment.payments import gateways
from fulfillment.payments.models import Payment, Refund
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.tracking.services.carrier_events import work_carrier_webhooks
from inventory.models import Unit
from inventory.services.reservations import Wanted, reserve
from sandbox.server import Sandbox
from tests.browser import WIDTHS, Visitor, mailed_code
from tests.conftest import import_roster, open_campaign, receive
from tests.fulfillment.payments.conftest import PRICES, Desk, gateway_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

START = datetime(2022, 7, 11, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def vendors() -> Iterator[Sandbox]:
    with Sandbox(start_at=START) as running:
        yield running


@pytest.fixture
def desk(
    vendors: Sandbox, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """The programme is open; extra keys and express are sold, and no one sponsors the United States."""
    cache.clear()
    vendors.control.reset(now=START)
    import_roster(tmp_path, now=START)
    campaign = open_campaign(now=START)
    receive(now=START, each=10)
    Region.objects.filter(country="US").update(is_sponsored=False)
    publish_prices(
        campaign=campaign, document={**PRICES, "valid_from": START.isoformat()}, actor="staff", now=START
    )
    gateway = gateway_to(vendors)
    gateway.ensure_webhook(f"{live_server.url}/api/v1/webhooks/stripe")
    vendors.stripe.roll_secret("whsec_tests-new")
    monkeypatch.setattr(gateways, "payment_gateway", lambda: gateway)
    # The way back leads to where the test's site listens.
    monkeypatch.setattr("django.conf.settings.SITE_URL", live_server.url)
    monkeypatch.setattr("fulfillment.payments.views._checkout_origin", lambda: vendors.url)
    made = Desk(vendors, gateway, START)
    with clock.reading(lambda: made.now):
        yield made
    gateway.close()


@pytest.fixture
def visitor(browser: Browser, live_server: Any, desk: Desk) -> Iterator[Visitor]:
    one = Visitor(browser, site=live_server.url, also=desk.stand_in.url, claims=True)
    one.context.set_default_timeout(60_000)
    yield one
    one.close()


def sign_in(visitor: Visitor, email: str) -> None:
    """From wherever the visitor was sent to sign in."""
    page = visitor.page
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    page.get_by_label("Code").fill(mailed_code())
    page.get_by_role("button", name="Sign in").click()


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def fill_address(page: Page) -> None:
    page.get_by_label("Full name").fill("Robin Example")
    page.get_by_label("Street and number").fill("417 Montgomery Street")
    page.get_by_label("ZIP code").fill("94104")
    page.get_by_label("Town or city").fill("San Francisco")
    page.get_by_label("State").select_option("CA")


def claim_dearly(visitor: Visitor) -> Page:
    """Sign in and claim an extra key, by express, to a region no one sponsors."""
    page = visitor.go("/claim/")
    sign_in(visitor, "owner@example.org")
    page.get_by_role("heading", name="You may claim, m-owner").wait_for()
    _through_the_steps(visitor)
    page.get_by_role("link", name="Pay now").click()
    page.get_by_role("heading", name="Pay for your claim").wait_for()
    return page


def _through_the_steps(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_label("Country the keys go to").select_option("US")
    go_on(page)
    page.get_by_role("heading", name="Which keys?").wait_for()
    page.get_by_label("Security key, USB-A and NFC").select_option("2")
    page.get_by_label("Security key, USB-C and NFC").select_option("1")
    page.get_by_label("Express").check()
    visitor.look_all("pay-1-keys")
    go_on(page)
    page.get_by_role("heading", name="Where should we send the keys?").wait_for()
    fill_address(page)
    go_on(page)
    page.get_by_role("heading", name="Check your answers").wait_for()
    page.get_by_text("$54.00 in all").wait_for()
    visitor.look_all("pay-2-review")
    assert not Claim.objects.exists()
    page.get_by_role("button", name="Claim these keys and pay").click()
    page.get_by_role("heading", name="Your keys are held until you have paid").wait_for()
    visitor.look_all("pay-3-made")


def to_the_vendors_page(page: Page) -> None:
    page.get_by_role("button", name="Pay $54.00").click()
    page.get_by_role("heading", name="USD 54.00").wait_for()


def test_declined_then_paid_accepted_and_shipped(visitor: Visitor, desk: Desk) -> None:
    page = claim_dearly(visitor)
    visitor.look_all("pay-4-pay")
    to_the_vendors_page(page)
    visitor.look_all("pay-5-stand-in")
    page.get_by_role("button", name="Pay with a card that is declined").click()
    page.get_by_text("Your card was declined").wait_for()
    visitor.look_all("pay-5-stand-in-declined")
    assert desk.vendor.ledger() == []
    assert Payment.objects.get().state == "open"
    page.get_by_role("button", name="Pay USD 54.00").click()
    page.get_by_role("heading", name="Paid. Your keys are reserved.").wait_for()
    visitor.look_all("pay-6-paid")
    # No one had to wait for a webhook, and back again changes nothing.
    page.reload()
    page.get_by_role("heading", name="Paid. Your keys are reserved.").wait_for()
    claim = Claim.objects.get()
    assert claim.state == "accepted"
    page.get_by_role("link", name="Receipt").click()
    page.get_by_text("Paid $54.00").wait_for()
    visitor.look_all("pay-7-receipt")

    purchase = ship_claim(claim_id=claim.pk, now=desk.now)
    assert purchase is not None
    assert purchase.promised_days == 5
    carrier = EasyPostGateway(
        api_key="EZTKtests", api_base=desk.stand_in.easypost_url, mode="test", timeout_s=5
    )
    try:
        carrier.ensure_webhook(f"{visitor.site}/api/v1/webhooks/easypost", "tests-new")
        buy_label(purchase_id=purchase.pk, gateway=carrier, worker="tests:1", now=desk.now)
        desk.pass_time(minutes=10)
        work_carrier_webhooks(gateway=carrier, now=desk.now)
    finally:
        carrier.close()
    claim.refresh_from_db()
    assert claim.state in ("shipped", "delivered")
    visitor.go(f"/claims/{claim.code}/")
    page.get_by_text("Paid $54.00").first.wait_for()
    visitor.look_all("pay-8-shipped")
    page.get_by_role("link", name="Receipt").click()
    page.get_by_role("heading", name="Receipt").wait_for()


def test_left_and_the_keys_go_back(visitor: Visitor, desk: Desk) -> None:
    page = claim_dearly(visitor)
    to_the_vendors_page(page)
    page.get_by_role("button", name="Leave without paying").click()
    page.get_by_role("heading", name="Pay for your claim").wait_for()
    assert Unit.objects.available().count() == 17
    desk.pass_time(days=1)
    desk.sweep()
    page.reload()
    page.get_by_role("heading", name="Your claim", exact=True).wait_for()
    visitor.look_all("pay-lapsed")
    assert Claim.objects.get().state == "expired"
    assert Unit.objects.available().count() == 20


def test_cancelled_and_refunded(visitor: Visitor, desk: Desk) -> None:
    page = claim_dearly(visitor)
    to_the_vendors_page(page)
    page.get_by_role("button", name="Pay USD 54.00").click()
    page.get_by_role("link", name="Follow your claim").click()
    page.get_by_role("link", name="Cancel this claim").click()
    page.get_by_role("button", name="Cancel the claim").click()
    page.get_by_text("Your claim is cancelled.").wait_for()
    desk.work()
    assert [(one.state, one.amount) for one in Refund.objects.all()] == [("succeeded", 5400)]
    visitor.go(f"/claims/{Claim.objects.get().code}/receipt/")
    page.get_by_text("Refund of $54.00").wait_for()
    visitor.look_all("pay-receipt-refunded")


@pytest.mark.parametrize("width", [WIDTHS["phone"]])
def test_paid_too_late(browser: Browser, live_server: Any, desk: Desk, width: int) -> None:
    """By a bank that takes longer than keys can be held; meanwhile they went to others."""
    visitor = Visitor(browser, site=live_server.url, also=desk.stand_in.url, width=width, claims=True)
    desk.vendor.settings(async_days=20)
    page = claim_dearly(visitor)
    to_the_vendors_page(page)
    page.get_by_role("button", name="Pay by a bank that takes days").click()
    page.get_by_role("heading", name="Your payment is under way").wait_for()
    visitor.look_all("pay-under-way")
    desk.pass_time(days=8)
    desk.sweep()
    assert Claim.objects.get().state == "expired"
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 18)], actor="staff", now=desk.now)
    payment = Payment.objects.get()
    desk.act(payment, "succeed")
    visitor.go(f"/claims/{payment.claim.code}/paid/?session_id={payment.session_id}")
    if page.get_by_label("Email").count():
        sign_in(visitor, "owner@example.org")
    page.get_by_role("heading", name="Your money is on its way back").wait_for()
    visitor.look_all("pay-too-late")
    desk.work()
    assert [(one.reason, one.state) for one in Refund.objects.all()] == [("too_late", "succeeded")]
    visitor.close()


def test_the_page_that_waits_invents_nothing(visitor: Visitor, desk: Desk) -> None:
    """Back by hand before anything was paid; then paid in another window."""
    page = claim_dearly(visitor)
    to_the_vendors_page(page)
    payment = Payment.objects.get()
    visitor.go(f"/claims/{payment.claim.code}/paid/?session_id={payment.session_id}")
    page.get_by_role("heading", name="Waiting for your payment").wait_for()
    visitor.look_all("pay-waiting")
    # The vendor does not answer: the page says no more than it knows.
    desk.vendor.add_fault("html", path="/checkout/sessions/*", count=3)
    page.reload()
    page.get_by_role("heading", name="Waiting for your payment").wait_for()
    desk.vendor.clear_faults()
    desk.act(payment, "pay")
    desk.hear([])
    page.get_by_role("heading", name="Paid. Your keys are reserved.").wait_for()


def test_another_ones_payment_is_not_shown(visitor: Visitor, desk: Desk) -> None:
    claim_dearly(visitor)
    code = Claim.objects.get().code
    assert Campaign.objects.count() == 1
    other = visitor.context.new_page()
    visitor.context.clear_cookies()
    other.goto(f"/claims/{code}/pay/")
    sign_in_page = other.get_by_label("Email")
    sign_in_page.wait_for()
    second = visitor.page
    second.goto("/claim/")
    sign_in(visitor, "second@example.org")
    for path in ("pay", "paid", "receipt", "paid/standing"):
        answer = second.goto(f"/claims/{code}/{path}/")
        assert answer is not None
        assert answer.status == 404, path
    assert desk.now - START < timedelta(days=1)
