"""The floor in a real browser, by keyboard alone: from receiving to the manifest, mistakes on the way."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page

from common import clock
from config.models import User
from desk.models import Appointment, Station
from desk.roles import Role
from fulfillment.shipments.models import FloorScan, Manifest, ParcelUnit, PickList, Shipment
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse.services.picking import make_pick_list
from inventory.models import KeyModel, Lot, Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from inventory.services.receiving import receive_stock
from tests.browser import Scheme, Visitor, launched
from tests.conftest import USB_A, USB_C, open_campaign
from tests.fulfillment.warehouse.scans import Floor, people, serials, tracking_code

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TOUCH = 1024
# Carriers without a form of their own go with our list, which is ready at once.
CARRIER = "DHLExpress"
ROBIN, KIM = "robin", "kim"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def floor(transactional_db: None, now: datetime) -> Iterator[Floor]:
    with clock.reading(lambda: now):
        campaign = open_campaign(now=now)
        add_warehouse(
            code="MAIN", name="Main", bins=["A-01", "B-07"], quarantine="Q-01", contact_name="Desk",
            street1="1 Road", city="Town", country="US",
        )  # fmt: skip
        yield Floor(campaign, now)


def shelve(number: int, *, now: datetime) -> None:
    """So many keys of each model with serials of a maker's, in their bins."""
    for sku, prefix, bin_label in ((USB_A, "YA", "MAIN/A-01"), (USB_C, "YC", "MAIN/B-07")):
        made = [f"{prefix}-{each:04}" for each in range(number)]
        receive_stock(sku=sku, lot_reference=f"LOT {prefix}", serials=made, actor="staff", now=now)
        put_away(serials=made, bin_label=bin_label, actor="staff", now=now)


def wave(floor: Floor, directory: Path, address: PostalAddress, *, parcels: int) -> list[Shipment]:
    names = people(directory, parcels, now=floor.now)
    return [floor.label(floor.claim(name, address), carrier=CARRIER) for name in names]


def cookie_of(username: str, *roles: Role, now: datetime) -> str:
    user, is_new = User.objects.get_or_create(
        username=username, defaults={"email": f"{username}@example.org", "is_staff": True}
    )
    if is_new:
        Appointment.objects.bulk_create(
            Appointment(user=user, role=role, appointed_at=now, appointed_by=None) for role in roles
        )
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, live_server: Any, floor: Floor) -> Iterator[Visit]:
    """Somebody of the floor at a table with a touch screen, signed in."""
    visitors: list[Visitor] = []

    def make(
        username: str = ROBIN, *, width: int = TOUCH, scheme: Scheme = "light", javascript: bool = True
    ) -> Visitor:
        visitor = Visitor(browser, site=live_server.url, width=width, scheme=scheme, javascript=javascript)
        value = cookie_of(username, Role.PACKER, Role.STOCK_KEEPER, now=floor.now)
        visitor.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}]
        )
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.close()


class Scanner:
    """A scanner: it types what it reads and presses Enter, wherever the focus is. No mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def send(self, text: str) -> None:
        assert self.page.evaluate("document.activeElement.id") == "scan", "the input has the focus"
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")

    def scan(self, text: str, *, expect: str = "Done.") -> str:
        """Scan and wait for the answer; the sentence it shows."""
        self.page.evaluate("document.getElementById('panel').firstElementChild?.setAttribute('data-old', '')")
        self.send(text)
        self.page.wait_for_selector("#panel .outcome:not([data-old])")
        said = re.sub(r"\s+", " ", self.page.inner_text("#panel .outcome")).strip()
        assert expect in said, f"{text}: {said}"
        return said

    def refuse(self, text: str, why: str) -> None:
        """Scan what does not belong: it sounds, looks and reads refused."""
        said = self.scan(text, expect="Refused.")
        assert why in said
        assert self.page.evaluate("document.body.dataset.heard") == "bad"
        assert self.page.locator("#panel .outcome-bad .outcome-sign").inner_text() == "✕"
        assert (
            self.page.locator("#panel .outcome-bad").evaluate("e => getComputedStyle(e).borderStyle")
            == "double"
        )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        text = page.evaluate("(document.activeElement.innerText || '').replace(/\\s+/g, ' ').trim()")
        if text.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_a_wave_of_twenty_from_receiving_to_the_manifest_by_keyboard_alone(
    visit: Visit, floor: Floor, tmp_path: Path, address: PostalAddress
) -> None:
    now = floor.now
    visitor = visit()
    page = visitor.go("/desk/floor/")
    visitor.look("desk-floor")
    scanner = Scanner(page)
    shelve(19, now=now)

    # Receive the last keys, and put them away. A key is scanned twice by mistake, and a bin where a key is due.
    tab_to(page, "Receive")
    page.keyboard.press("Enter")
    page.get_by_label("Key model").focus()
    page.keyboard.type(USB_A)
    for text in ("LOT YA-2", "", "", "", "2"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    visitor.look("desk-receive-form")
    page.keyboard.press("Enter")
    page.wait_for_selector("#scan:focus")
    scanner.scan("ya-9001")
    scanner.refuse("YA-9001", "has been scanned already")
    scanner.scan("YA-9002")
    visitor.look("desk-receive")
    scanner.scan("/DONE")
    assert Lot.objects.get(reference="LOT YA-2").units.count() == 2
    receive_stock(sku=USB_C, lot_reference="LOT YC-2", serials=["YC-9001", "YC-9002"], actor="staff", now=now)
    visitor.go("/desk/floor/put-away/")
    scanner.scan("YA-9001")
    scanner.scan("YA-9002")
    visitor.look("desk-put-away")
    scanner.scan("MAIN/A-01", expect="2 keys are in MAIN/A-01")

    # Count a bin.
    visitor.go("/desk/floor/count/")
    scanner.scan("MAIN/B-07")
    visitor.look("desk-count")
    scanner.scan("/ASIDE")

    # Pick a wave of twenty.
    parcels = wave(floor, tmp_path, address, parcels=20)
    visitor.go("/desk/floor/pick/")
    visitor.look("desk-pick-lists")
    scanner.scan("/NEW", expect="40 keys")
    made = PickList.objects.get()
    lines = [line["serial"] for line in Station.objects.get(step="pick").hand["lines"]]
    scanner.refuse(made.code, "a key is expected")
    for text in lines[:6]:
        scanner.scan(text)
    visitor.look("desk-pick")
    scanner.scan("/UNDO")
    # The rest in one burst, as fast as the scanner types: nothing waits for an answer.
    for text in lines[5:]:
        scanner.send(text)
    page.locator("#due", has_text="All keys are picked").wait_for()
    assert not ParcelUnit.objects.filter(picked_at=None).exists()

    # Pack: with a label where a key is due, a key of nobody's, one packed before, a wrong seal, a wrong label.
    visitor.go("/desk/floor/pack/")
    visitor.look("desk-pack-empty")
    one, two = parcels[0], parcels[1]
    for parcel in parcels:
        parcel.refresh_from_db()
    scanner.refuse(serials(one)[0], "label is expected")
    scanner.scan(tracking_code(one))
    scanner.refuse(tracking_code(two), "key is expected")
    scanner.refuse("NOBODYS-KEY", "There is no unit")
    visitor.look("desk-pack-refused")
    scanner.scan(serials(one)[0])
    scanner.refuse(serials(one)[0], "already")
    scanner.refuse(one.seal_number, "key is expected")
    scanner.scan(serials(one)[1])
    scanner.refuse(two.seal_number, "Do not use seal")
    visitor.look("desk-pack")
    scanner.scan(one.seal_number)
    scanner.refuse("S-000000000000", "No parcel has the label")
    for parcel in parcels[1:]:
        for text in (tracking_code(parcel), *serials(parcel), parcel.seal_number):
            scanner.send(text)
        page.locator("#panel .outcome", has_text=f"{parcel.code} is sealed").wait_for()
    # The last seal, taken back and put on again.
    scanner.scan("/UNDO", expect="is undone")
    scanner.scan(parcels[-1].seal_number)
    assert Shipment.objects.filter(sealed_by="staff:robin").count() == 20

    # Hand over.
    visitor.go("/desk/floor/hand-over/")
    visitor.look("desk-hand-over")
    tab_to(page, "Create manifest")
    page.keyboard.press("Enter")
    page.get_by_text("has 20 parcels").wait_for()
    tab_to(page, "Mark as handed over")
    visitor.look("desk-hand-over-ready")
    page.keyboard.press("Enter")
    page.get_by_text("the carrier has 20 parcels").wait_for()
    manifest = Manifest.objects.get()
    assert manifest.shipments.filter(handed_over_at__isnull=False).count() == 20
    assert Unit.objects.filter(account="packed").count() == 40
    visitor.go(f"/desk/floor/manifests/{manifest.code}/")
    visitor.look("desk-manifest")


def test_scans_made_without_a_connection_wait_and_arrive_once_in_order(
    visit: Visit, floor: Floor, tmp_path: Path, address: PostalAddress
) -> None:
    shelve(2, now=floor.now)
    (one, two) = wave(floor, tmp_path, address, parcels=2)
    make_pick_list(actor="staff:lead", now=floor.now)
    visitor = visit(scheme="dark")
    page = visitor.go("/desk/floor/pack/")
    scanner = Scanner(page)
    scanner.scan(one.code)
    visitor.context.set_offline(True)
    for text in serials(one):
        scanner.send(text)
    page.get_by_text("2 scans wait: no connection").wait_for()
    visitor.look("desk-pack-offline")
    assert not FloorScan.objects.exists()
    visitor.context.set_offline(False)
    page.locator("#due", has_text="Scan seal").wait_for()
    assert Unit.objects.filter(account="packed").count() == 2
    assert page.evaluate("localStorage.getItem('keydesk-scans-staff:robin')") == "[]"

    # The answer is lost on its way back: the same scan is sent again and counts once.
    lost: list[str] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort()

    page.route("**/scan/", lose)
    one.refresh_from_db()
    scanner.send(one.seal_number)
    page.get_by_text("is sealed. Put it").wait_for()
    assert len(lost) == 1
    assert FloorScan.objects.filter(verb="seal").count() == 1

    # A scan that was left when the page went away is sent when one is opened.
    page.evaluate(
        """([store, scan]) => localStorage.setItem(store, JSON.stringify([scan]))""",
        [
            "keydesk-scans-staff:robin",
            {"url": f"{visitor.site}/desk/floor/pack/scan/", "key": "left-over-1", "scan": two.code},
        ],
    )
    visitor.go("/desk/floor/pack/")
    page.get_by_text(f"Parcel {two.code} to US").wait_for()


def test_two_people_at_one_wave_never_overwrite_each_other(
    live_server: Any, floor: Floor, tmp_path: Path, address: PostalAddress
) -> None:
    """Both scan every parcel of the wave at the same time, over HTTP; each key is packed once, by one."""
    shelve(6, now=floor.now)
    parcels = wave(floor, tmp_path, address, parcels=6)
    make_pick_list(actor="staff:lead", now=floor.now)
    scans = [(parcel.code, serials(parcel)) for parcel in parcels]
    start = threading.Barrier(2)

    def pack_all(username: str) -> list[str]:
        client = Client()
        client.force_login(User.objects.get(username=username))
        said: list[str] = []
        start.wait()
        try:
            for code, keys in scans:
                for number, text in enumerate((code, *keys, "/ASIDE")):
                    answer = client.post(
                        "/desk/floor/pack/scan/",
                        {"scan": text, "key": f"{username}-{code}-{number}"},
                        headers={"Accept": "application/json"},
                    )
                    assert answer.status_code in (200, 422)
                    said.append(f"{text}: {answer.status_code}")
        finally:
            connections.close_all()
        return said

    for username in (ROBIN, KIM):
        cookie_of(username, Role.PACKER, now=floor.now)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(pack_all, (ROBIN, KIM)))
    good = [line for said in both for line in said if line.endswith("200") and line.startswith("Y")]
    packed = FloorScan.objects.filter(verb="pack")
    assert len(good) == packed.count() == packed.values("unit").distinct().count()
    for parcel in parcels:
        packers = {row.packed_by for row in ParcelUnit.objects.filter(shipment=parcel)} - {""}
        assert len(packers) <= 1, "a parcel is one person's"
    assert Unit.objects.filter(account="packed").count() == len(good)


def test_the_floor_works_without_scripts(
    visit: Visit, floor: Floor, tmp_path: Path, address: PostalAddress
) -> None:
    shelve(1, now=floor.now)
    (one,) = wave(floor, tmp_path, address, parcels=1)
    make_pick_list(actor="staff:lead", now=floor.now)
    page = visit(javascript=False).go("/desk/floor/pack/")
    one.refresh_from_db()
    for text in (one.code, *serials(one), one.seal_number):
        page.get_by_role("textbox", name=re.compile("Scan")).fill(text)
        page.keyboard.press("Enter")
        page.get_by_text("Done.").first.wait_for()
    one.refresh_from_db()
    assert one.sealed_at is not None
    assert KeyModel.objects.count() == 2
