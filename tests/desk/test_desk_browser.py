"""The desk's other pages in a real browser: at a laptop, at a touch screen, light and dark, checked by axe."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser

from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind, CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.pricing import store_quote
from fulfillment.claims.rules.quotes import LineKind, Quote, QuoteLine
from fulfillment.payments.models import Dispute, Fulfilment, Payment, Refund
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.shipments.services.cases import open_case
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Unit
from inventory.services.counts import count_bin
from roster.models import Account, Project
from roster.services.appeals import make_appeal
from roster.services.exceptions import grant_exception, request_exception
from tests.browser import Scheme, Visitor, launched
from tests.conftest import USB_A
from tests.desk.test_warehouse_browser import cookie_of, floor, shelve, wave
from tests.fulfillment.warehouse.scans import Floor

__all__ = ["floor"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS: list[tuple[int, Scheme]] = [(1280, "light"), (1024, "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


def disputed(claim: Claim, now: datetime) -> Case:
    """What was paid for a claim is disputed, and a refund of part of it came back; the dispute's case."""
    lines = (QuoteLine(LineKind.EXTRA_KEYS, 1, 2900), QuoteLine(LineKind.EXPRESS, 1, 2500))
    store_quote(
        Quote(lines, currency="USD", tax_behavior="inclusive", prices="2022-07"), claim=claim, now=now
    )
    common: dict[str, Any] = {"created_at": now, "updated_at": now}
    money: dict[str, Any] = {"amount": 5400, "currency": "USD"}
    payment = Payment.objects.create(
        claim=claim, attempt=1, state="paid", mode="test", idempotency_key="co:1", session_id="cs_test_1",
        payment_intent_id="pi_1", charge_id="ch_1", received=5400, received_currency="USD", expires_at=now,
        paid_at=now, **money, **common,
    )  # fmt: skip
    Fulfilment.objects.create(payment=payment, claim=claim, outcome="accepted", at=now, **money)
    refund = Refund.objects.create(
        payment=payment, reason="short", state="failed", amount=2900, currency="USD", vendor_id="re_1",
        requested_by="staff:kim", failure="lost_or_stolen_card", **common,
    )  # fmt: skip
    Dispute.objects.create(
        vendor_id="du_1", payment=payment, status="needs_response", reason="product_not_received",
        due_by=now + timedelta(days=7), opened_at=now, **money,
    )  # fmt: skip
    for about, reason in (
        (refund.code, CaseReason.REFUND_FAILED),
        ("du_1", CaseReason.DISPUTE),
    ):
        open_payment_case(about=about, reason=reason, payment=payment, now=now - timedelta(days=3))
    Claim.objects.filter(pk=claim.pk).update(held_at=now)
    return Case.objects.of_kind(CaseKind.PAYMENT).get(about="du_1")


def test_every_page_can_be_read(
    browser: Browser, live_server: Any, floor: Floor, tmp_path: Path, address: PostalAddress
) -> None:
    now = floor.now
    shelve(3, now=now)
    parcel, _ = wave(floor, tmp_path, address, parcels=2)
    open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now - timedelta(days=9))
    money_case = disputed(parcel.claim, now)
    count = count_bin(bin_label="MAIN/A-01", serials=["YA-0000", "YA-0001"], actor="staff:kim", now=now)
    person = Account.objects.get(username="m-000")
    make_appeal(account=person, rule="role_age", text="Mine since 2014.", actor="maintainer:1", now=now)
    request_exception(
        account_id=person.pk, rule="email_age", reason="Known to us.", expires_at=now + timedelta(days=9),
        actor="staff:kim", now=now,
    )  # fmt: skip
    known = request_exception(
        account_id=person.pk, rule="role_age", reason="Met in person.", expires_at=now + timedelta(days=9),
        actor="staff:kim", now=now,
    )  # fmt: skip
    grant_exception(exception_id=known.pk, actor="staff:lee", now=now)
    unit = Unit.objects.order_by("pk")[0]
    pages = {
        "today": "",
        "claims": "claims/",
        "claim": f"claims/{parcel.claim.code}/",
        "parcels": "parcels/",
        "cases": "cases/",
        "case": f"cases/{Case.objects.of_kind(CaseKind.SHIPMENT).get().code}/",
        "money-cases": "cases/money/",
        "money-case": f"cases/money/{money_case.code}/",
        "money-case-refund": f"cases/money/{Case.objects.get(kind='payment', reason='refund_failed').code}/",
        "person": "people/m-000/",
        "project": f"projects/{Project.objects.critical()[0].normalized_name}/",
        "second-names": "second-names/",
        "counts": "counts/",
        "count": f"counts/{count.code}/",
        "stock": "stock/",
        "unit": f"units/{unit.serial}/",
        "health": "health/",
        "programme": "programme/",
        "campaign": f"programme/campaigns/{floor.campaign.slug}/",
        "policy": f"programme/policies/{floor.campaign.policy.version}/",
        "wave": "programme/waves/",
        "new-campaign": "programme/new-campaign/",
        "prices": f"programme/campaigns/{floor.campaign.slug}/prices/",
        "region": "programme/regions/DE/",
        "key-model": f"programme/key-models/{USB_A}/",
        "words": "programme/words/",
        "text": "programme/words/home.lead/",
        "mail": "programme/mails/shipped/",
        "search": "search/?q=m-0",
        "nothing-found": "search/?q=nobody",
        "claims-wrong": "claims/?country=Germany",
        "staff": "staff/",
        "audit": "audit/",
    }
    cookie = cookie_of("chief", *Role, now=now)
    problems: list[str] = []
    visitor = Visitor(browser, site=live_server.url)
    visitor.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )
    for name, path in pages.items():
        visitor.go(f"/desk/{path}")
        for width, scheme in LOOKS:
            visitor.turn(width=width, scheme=scheme)
            try:
                visitor.look(f"desk-{name}")
            except AssertionError as problem:
                problems.append(f"{width} {scheme} {problem}")
    visitor.close()
    assert not problems, "\n".join(problems)
