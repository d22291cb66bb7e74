"""Reports as people see them: pages, PDF and workbook, of an empty, a small and a larger programme.

Each is looked at in a real browser, at a phone and a laptop, light and dark, and checked by axe. With
KEYDESK_SCREENSHOTS set, all of it is kept as images in var/screenshots; KEYDESK_LOOK_AT names a rehearsed database
to look at in place of the suite's own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from common import clock
from desk.roles import Role
from fulfillment.claims.models import Campaign
from inventory.models import Movement
from reports import catalogue
from reports.exports import FORMATS
from reports.tables import Report
from tests.browser import WIDTHS, Scheme, Visitor, launched
from tests.desk.test_warehouse_browser import cookie_of
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.played import Run, connected_to
from tests.reports.conftest import MOMENTS
from tests.reports.papers import pages_of, sheets_as_page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
AFTER_IT = MOMENTS[-1]
EVERYWHERE = ("public", "redemption")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(autouse=True)
def _without_security_keys(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    monkeypatch.setattr("desk.sign_ins._record", lambda *_: None)


def test_an_empty_programme(browser: Browser, live_server: Any, campaign: Campaign) -> None:
    look_at_all(browser, live_server, "empty", campaign.slug, now=AFTER_IT)


def test_a_small_programme(browser: Browser, live_server: Any, programme: Campaign) -> None:
    look_at_all(browser, live_server, "small", programme.slug, now=AFTER_IT)


@pytest.fixture
def rehearsed(run: Run) -> Iterator[LiveServer]:
    """The site over a rehearsed programme's own database."""
    name = os.environ.get("KEYDESK_LOOK_AT") or run.database
    with copied(name) as copy, connected_to(copy):
        server = LiveServer("127.0.0.1")
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def copied(database: str) -> Iterator[str]:
    """A copy of a database, dropped afterwards: whoever looks signs in, which leaves rows."""
    copy = f"{database}_looked_at"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{database}"')
    try:
        yield copy
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')


def test_a_rehearsed_programme(browser: Browser, rehearsed: LiveServer) -> None:
    last = Movement.objects.latest("moved_at").moved_at
    look_at_all(browser, rehearsed, "full", Campaign.objects.get().slug, now=last + timedelta(days=1))


def look_at_all(browser: Browser, server: Any, name: str, slug: str, *, now: datetime) -> None:
    cache.clear()
    problems: list[str] = []
    with clock.reading(lambda: now):
        cookie = cookie_of("chief-of-reports", *Role, now=now)
        paths = {
            "public": f"/stats/{slug}/",
            "redemption": f"/reports/redemption/?campaign={slug}",
            "comparison": f"/reports/comparison/?campaign={slug}",
            "bad-moment": "/reports/redemption/?as_of=soon",
            **{statement: f"/reports/{statement}/" for statement in catalogue.STATEMENTS},
        }
        for width in WIDTHS.values():
            for scheme in SCHEMES:
                visitor = Visitor(browser, site=server.url, width=width, scheme=scheme)
                visitor.context.add_cookies(
                    [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}]
                )
                # The first to ask for a great programme's charts waits while they are drawn.
                visitor.context.set_default_timeout(90_000)
                for page, path in paths.items():
                    # The statements are one template: in light at the laptop, in dark at the phone.
                    if page not in EVERYWHERE and (width > 600) != (scheme == "light"):
                        continue
                    visitor.go(path)
                    try:
                        visitor.look(f"report-{name}-{page}")
                    except AssertionError as problem:
                        problems.append(f"{width} {scheme} {problem}")
                visitor.close()
        reports = [
            catalogue.exact_redemption(campaign_slug=slug, as_of=now),
            catalogue.published_redemption(campaign_slug=slug, as_of=now, smallest_group=5),
        ]
    for report in reports:
        look_at_papers(browser, f"report-{name}-{report.name}", report)
    assert not problems, "\n".join(problems)


def look_at_papers(browser: Browser, name: str, report: Report) -> None:
    """The PDF's pages, the workbook's sheets and the HTML file, kept as images when asked to."""
    pages = pages_of(FORMATS["pdf"].write(report))
    sheets = sheets_as_page(FORMATS["xlsx"].write(report))
    assert len(pages) >= 1
    assert all(f">{table.name[:31]}<" in sheets for table in report.tables)
    if not os.environ.get("KEYDESK_SCREENSHOTS"):
        return
    folder = Path(settings.BASE_DIR) / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(pages, start=1):
        (folder / f"{name}-pdf-{number}.png").write_bytes(page)
    for form, content in (("xlsx", sheets), ("html", FORMATS["html"].write(report).decode())):
        for width in WIDTHS.values():
            context = browser.new_context(viewport={"width": width, "height": 900})
            shown = context.new_page()
            shown.set_content(content)
            shown.screenshot(path=folder / f"{name}-{form}-{width}.png", full_page=True)
            context.close()
