"""Reports and charts kept for as long as nothing has happened since they were made."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection

from reports.charts import THEMES, draw_svg, keys_by_week
from reports.moments import in_words
from reports.redemption import redemption_report

# Ids are given before rows are committed, so a row can come in below the last id: it waits this long.
KEPT_REPORT_S = 60
KEPT_CHART_S = 86_400

_LAST_ROWS = """
    SELECT (SELECT max(id) FROM inventory_movement), (SELECT max(id) FROM claims_claimevent),
           (SELECT max(id) FROM roster_decision), (SELECT max(id) FROM roster_twofactorobservation)
"""


def kept_report(*, as_of: datetime | None, now: datetime) -> dict[str, Any]:
    """The redemption report of all campaigns, made anew only when a row came in.

    Args: as_of: None asks for the newest; the answer may then be a minute old, and says of when it is.
    """
    since = _last_rows()
    key = _key("redemption", in_words(as_of) if as_of else "now", since)
    report: dict[str, Any] | None = cache.get(key)
    if report is None:
        report = redemption_report(campaign_slug=None, as_of=as_of or now)
        # Whoever asks next by the moment this one names (the page's own pictures do) finds it, too.
        for kept_under in {key, _key("redemption", report["as_of"], since)}:
            cache.set(kept_under, report, KEPT_REPORT_S)
    return report


def kept_chart(report: dict[str, Any], theme: str) -> bytes:
    """The report's chart as SVG. The same numbers are drawn once."""
    key = _key("keys_by_week", theme, json.dumps([report["keys"]["total"], report["by_week"]]))
    svg: bytes | None = cache.get(key)
    if svg is None:
        svg = draw_svg(keys_by_week(report, THEMES[theme]))
        cache.set(key, svg, KEPT_CHART_S)
    return svg


def _last_rows() -> str:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ROWS)
        return str(cursor.fetchone())


def _key(*parts: str) -> str:
    return "reports:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()
