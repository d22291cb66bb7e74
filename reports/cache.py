"""Cache of reports and charts, valid until a table they read from changes.

Their modules are imported on first use: pandas and Altair take half of a process's start-up time.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar, cast

from django.core.cache import cache
from django.db import connection
from psycopg import sql

from reports.as_of import day_of_release, moment_in_words
from reports.chart_registry import Picture
from reports.documents import PublishedReport, RedemptionReport

# Ids are assigned before commit, so a row can appear below the highest id; it shows after this long.
KEPT_REPORT_S = 60
KEPT_CHART_S = 86_400
# A release is final, but a row from the minute before it may not be committed yet.
KEPT_RELEASE_S = 3_600

_T = TypeVar("_T")

# For each table that the frames read: the columns whose maximum changes when a report does. Rows are
# appended, so the id is usually enough; other columns are filled in later. Roles and critical projects
# change only through imports, which append a receipt.
_WATCHED: Mapping[str, tuple[str, ...]] = {
    "claims_campaign": ("id",),
    "claims_claim": ("id",),
    "claims_claimevent": ("id",),
    "claims_invitation": ("invited_at",),
    "claims_wave": ("id",),
    "inventory_keymodel": ("id",),
    "inventory_movement": ("id",),
    "inventory_unit": ("id",),
    "payments_bookentry": ("id",),
    "payments_dispute": ("id",),
    "payments_payment": ("id",),
    "payments_refund": ("id",),
    "roster_appeal": ("id", "answered_at"),
    "roster_decision": ("id",),
    "roster_policy": ("id",),
    "roster_policyexception": ("id", "granted_at", "ended_at"),
    "roster_project": ("id",),
    "roster_projectrole": ("id",),
    "roster_receipt": ("id",),
    "roster_twofactorobservation": ("id",),
    "cases_case": ("id", "closed_at"),
    "shipping_labelpurchase": ("created_at",),
    "shipping_parcelcharge": ("id",),
    "shipping_shipment": ("id",),
    "shipping_straylabel": ("id", "settled_at"),
    "shipping_trackingupdate": ("id",),
}


def watched_tables() -> frozenset[str]:
    """Tables whose changes invalidate a cached report."""
    return frozenset(_WATCHED)


def kept_report(
    *, campaign_slug: str | None = None, as_of: datetime | None, now: datetime
) -> RedemptionReport:
    """The exact redemption report, rebuilt only when a watched table has changed.

    Args: as_of: None for the latest, which may be a minute old; the report's `as_of` says when it was built.
    """
    since = _last_rows()
    slug = campaign_slug or ""
    key = _key("redemption", slug, moment_in_words(as_of) if as_of else "now", since)
    report: RedemptionReport | None = cache.get(key)
    if report is None:
        from reports.redemption import redemption_report

        report = redemption_report(campaign_slug=campaign_slug, as_of=as_of or now)
        # Also cached under its own date, which the page's charts ask for next.
        for kept_under in {key, _key("redemption", slug, report["as_of"], since)}:
            cache.set(kept_under, report, KEPT_REPORT_S)
    return report


def kept_release(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> PublishedReport:
    """The published report of the day of this moment, built once."""
    key = _key("published", campaign_slug, moment_in_words(day_of_release(as_of)), str(smallest_group))

    def make() -> PublishedReport:
        from reports.public.published_report import released_report

        return released_report(campaign_slug=campaign_slug, as_of=as_of, smallest_group=smallest_group)

    return _kept(key, KEPT_RELEASE_S, make)


def kept_keys(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> dict[str, int | None]:
    """The published key counts of the day of this moment, built once."""
    key = _key("keys", campaign_slug, moment_in_words(day_of_release(as_of)), str(smallest_group))

    def make() -> dict[str, int | None]:
        from reports.public.published_report import published_keys

        return published_keys(campaign_slug=campaign_slug, as_of=as_of, smallest_group=smallest_group)

    return _kept(key, KEPT_RELEASE_S, make)


def kept_picture(picture: Picture, document: Mapping[str, object], theme: str) -> bytes:
    """A chart as SVG, drawn once for the same numbers."""
    numbers = {name: value for name, value in document.items() if name != "as_of"}
    key = _key("picture", picture.name, theme, json.dumps(numbers, default=str))
    return _kept(key, KEPT_CHART_S, lambda: picture.svg(theme))


def _kept(key: str, seconds: int, make: Callable[[], _T]) -> _T:
    found = cache.get(key)
    if found is None:
        found = make()
        cache.set(key, found, seconds)
    return cast(_T, found)


def _last_rows() -> str:
    newest = [
        sql.SQL("(SELECT max({}) FROM {})").format(sql.Identifier(column), sql.Identifier(table))
        for table, columns in _WATCHED.items()
        for column in columns
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(newest)))
        return str(cursor.fetchone())


def _key(*parts: str) -> str:
    return "reports:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()
