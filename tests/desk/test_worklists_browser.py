"""Each queue's main action in a real browser, by keyboard: reviews, cases, second names, counts, the programme.

And at the packing table what the floor's own test has no room for: a key exchanged, and the form of USPS.
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim, Wave
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.gateways.scan_forms import forms_of
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.models import InsuranceClaim, Manifest, Shipment
from fulfillment.shipments.services.cases import open_case
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address
from fulfillment.warehouse.services.manifests import make_form
from fulfillment.warehouse.services.picking import make_pick_list
from inventory.models import Count, KeyModel, Unit
from inventory.services.counts import count_bin
from roster.models import Account, Appeal, Policy, PolicyException
from roster.services.appeals import make_appeal
from roster.services.exceptions import request_exception
from tests.browser import WIDTHS, Scheme, Visitor
from tests.desk.test_warehouse_browser import (
    Scanner,
    Visit,
    browser,
    cookie_of,
    floor,
    shelve,
    tab_to,
    visit,
)
from tests.fulfillment.conftest import Buy, buy, gateway, stand_in, vendor_process
from tests.fulfillment.warehouse.scans import Floor, people, serials, tracking_code

__all__ = ["browser", "buy", "floor", "gateway", "stand_in", "vendor_process", "visit"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
At = Callable[[str], Page]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture
def chief(browser: Browser, live_server: Any, floor: Floor) -> Any:
    """Somebody in every role."""
    visitor = Visitor(browser, site=live_server.url)
    cookie = cookie_of("chief", *Role, now=floor.now)
    visitor.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )
    yield visitor
    assert visitor.complaints == []
    visitor.close()


@pytest.fixture
def at(chief: Visitor) -> At:
    """Them at a page of the desk."""
    return lambda path: chief.go(f"/desk/{path}")


def press(page: Page, name: str) -> None:
    """Go to the button or link with Tab and press it; the page that it leads to."""
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).first.focus()
    page.keyboard.insert_text(text)


def told() -> list[str]:
    return list(AuditEntry.objects.exclude(action__startswith="signed").values_list("action", flat=True))


def test_each_queues_main_action(at: At, floor: Floor, tmp_path: Path, address: PostalAddress) -> None:
    now = floor.now
    shelve(8, now=now)
    names = people(tmp_path, 6, now=now)
    # The policy holds claims of organisations' accounts for a person.
    Account.objects.filter(username__in=names[:3]).update(is_organization=True)
    held = [floor.claim(name, address) for name in names[:3]]
    parcel = ship_claim(claim_id=floor.claim(names[3], address).pk, now=now)
    assert parcel is not None
    purchase_transitions.fail(parcel, case=CaseReason.ADDRESS, detail="address", now=now)
    person = Account.objects.get(username=names[4])
    make_appeal(account=person, rule="two_factor", text="I lost it.", actor="maintainer:1", now=now)
    request_exception(
        account_id=Account.objects.get(username=names[5]).pk, rule="email_age", reason="Known to us.",
        expires_at=now + timedelta(days=9), actor="staff:kim", now=now,
    )  # fmt: skip
    gone = Unit.objects.filter(account="available", serial__startswith="YA").order_by("-serial")[0]
    counted = [unit.serial for unit in Unit.objects.filter(serial__startswith="YA")]
    count = count_bin(
        bin_label="MAIN/A-01",
        serials=[one for one in counted if one != gone.serial],
        actor="staff:kim",
        now=now,
    )

    # One claim, with its decision beside the form; then two at once, looked at first.
    page = at("claims/?state=in_review")
    press(page, held[0].code)
    expect(page.get_by_text("not_organization_account: review")).to_be_visible()
    fill(page, "Reason", "The project is known to us.")
    press(page, "Approve")
    for box in page.get_by_label("Select ").all():
        box.focus()
        page.keyboard.press("Space")
    press(page, "Reject selected")
    fill(page, "Reason", "Nobody could be reached.")
    press(page, "Confirm")
    states = [Claim.objects.get(pk=claim.pk).state for claim in held]
    assert states == ["accepted", "rejected", "rejected"]

    # A case: the address is corrected, and the parcel is tried again.
    page = at("cases/")
    press(page, Case.objects.get().code)
    tab_to(page, "Correct the address and send")
    page.keyboard.press("Enter")
    form = page.locator("form", has=page.locator("[name=action][value=fix_address]"))
    for name, text in (
        ("name", "Robin Example"),
        ("street1", "500 Pine Street"),
        ("city", "San Francisco"),
        ("state", "CA"),
        ("postal_code", "94104"),
    ):
        form.locator(f"[name={name}]").focus()
        page.keyboard.insert_text(text)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert Case.objects.get().outcome == "address_fixed"
    opened = open_address(
        subject=parcel.shipment.claim.code, purpose=Purpose.SUPPORT, actor="staff:t", now=now
    )
    assert opened.street1 == "500 Pine Street"

    # An exception gets its second name, an appeal its answer.
    page = at("second-names/")
    press(page, "Grant")
    assert PolicyException.objects.get(rule="email_age").granted_by == "staff:chief"
    fill(page, "Answer", "We look again with you.")
    press(page, "Propose an exception")
    assert Appeal.objects.get().state == "granted"

    # A count is settled.
    page = at("counts/")
    press(page, count.code)
    page.locator("select").focus()
    page.keyboard.type("lost")
    press(page, "Approve this count")
    assert Count.objects.get().state == "approved"
    assert Unit.objects.get(pk=gone.pk).account == "missing"

    # The programme: a wave is planned, a policy drafted by its form, a text put on the first page.
    page = at("programme/waves/")
    page.get_by_label("Campaign").select_option(index=1)
    fill(page, "Name", "First")
    page.get_by_label("Invited from").fill("2022-08-01T09:00")
    fill(page, "Usernames", names[5])
    press(page, "Plan wave")
    assert Wave.objects.get().invitations.count() == 1
    page = at(f"programme/policies/{floor.campaign.policy.version}/")
    fill(page, "Version", "autumn")
    press(page, "Show changes")
    assert "the rules are the same" in page.inner_text("#asked + ul")
    press(page, "Save as draft")
    assert Policy.objects.get(version="autumn").drafted_by == "staff:chief"
    page = at("programme/words/home.announcement/")
    fill(page, "English", "Parcels to Hawaii wait a week.")
    press(page, "Save")
    assert "Parcels to Hawaii wait a week." in page.goto("/").text()  # type: ignore[union-attr]
    assert told() == [
        *("claim_approved", "claim_rejected", "claim_rejected", "case_fix_address", "exception_granted"),
        *("appeal_granted", "count_approved", "wave_planned", "policy_drafted", "text_written"),
    ]


def test_a_key_is_exchanged_and_usps_gets_its_form(
    visit: Visit, floor: Floor, tmp_path: Path, address: PostalAddress, buy: Buy, gateway: EasyPostGateway
) -> None:
    now = floor.now
    shelve(3, now=now)
    (name,) = people(tmp_path, 1, now=now)
    purchase = ship_claim(claim_id=floor.claim(name, address).pk, now=now)
    assert purchase is not None
    parcel = Shipment.objects.get(pk=buy(purchase).shipment_id)
    make_pick_list(actor="staff:lead", now=now)
    parcel.refresh_from_db()
    visitor = visit()
    page = visitor.go("/desk/floor/pack/")
    scanner = Scanner(page)
    scanner.scan(tracking_code(parcel))
    one, two = serials(parcel)
    shelf = (
        Unit.objects.available().filter(key_model__units__serial=one).exclude(serial=one).order_by("pk")[0]
    )
    scanner.scan(shelf.serial, expect=f"instead of {one}")
    visitor.look("desk-pack-exchanged")
    assert Unit.objects.get(serial=one).account == "available"
    scanner.scan(two)
    scanner.scan(parcel.seal_number)

    visitor.go("/desk/floor/hand-over/")
    press(page, "Create manifest")
    manifest = Manifest.objects.get()
    assert page.get_by_role("button", name="Mark as handed over").count() == 0, "the form is being made"
    visitor.look("desk-hand-over-making")
    assert make_form(manifest_id=manifest.pk, forms=forms_of(gateway), now=now) == "ready"
    visitor.go("/desk/floor/hand-over/")
    paper = visitor.context.request.get(f"{visitor.site}/desk/floor/manifests/{manifest.code}/")
    assert (paper.headers["content-type"], paper.body()[:5]) == ("application/pdf", b"%PDF-")
    press(page, "Mark as handed over")
    parcel.refresh_from_db()
    assert parcel.handed_over_at is not None


def test_insurance_is_claimed_with_a_mail_attached(
    chief: Visitor,
    at: At,
    floor: Floor,
    buy: Buy,
    gateway: EasyPostGateway,
    tmp_path: Path,
    address: PostalAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = floor.now
    monkeypatch.setattr("fulfillment.postage.gateways.carrier_gateway", lambda: gateway)
    shelve(3, now=now)
    [name] = people(tmp_path, 1, now=now)
    planned = ship_claim(claim_id=floor.claim(name, address).pk, now=now)
    assert planned is not None
    KeyModel.objects.update(customs_value_cents=6_000)
    bought = buy(planned)
    Shipment.objects.filter(pk=bought.shipment_id).update(state="in_transit")
    open_case(shipment=bought.shipment, reason=CaseReason.LOST, detail="failure lost", now=now)
    case = Case.objects.get(shipment=bought.shipment)

    page = at(f"cases/{case.code}/")
    page.get_by_text("File an insurance claim").first.click()
    form = page.locator("form", has=page.locator("input[value=file_claim]"))
    expect(form.get_by_label("US cents")).to_have_value("12000")
    form.get_by_label("What the maintainer or the carrier wrote").set_input_files(
        {"name": "mail.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 it never came"}
    )
    form.get_by_label("What happened, for the insurer").fill("Last scanned in Oakland two weeks ago.")
    for width, scheme in product(WIDTHS.values(), SCHEMES):
        chief.turn(width=width, scheme=scheme)
        chief.look("desk-insurance-form")
    press(page, "File an insurance claim")
    expect(page.get_by_text("US$ 120.00 claimed: with the insurer")).to_be_visible()
    chief.look("desk-insurance-filed")
    assert InsuranceClaim.objects.get().state == "submitted"
