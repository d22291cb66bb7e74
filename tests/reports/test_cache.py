"""The cache of reports: which tables it watches."""

import inspect
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from fulfillment.shipments.models import StrayLabel
from reports import cache, frames

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tables_read() -> set[str]:
    """Every table that stands in the SQL of a frame of the redemption report."""
    return {
        table
        for frame in fields(frames.Frames)
        for table in re.findall(
            r"\b(?:FROM|JOIN)\s+([a-z]+_[a-z]+)", inspect.getsource(getattr(frames, frame.name))
        )
    }


def test_every_table_that_a_frame_reads_is_watched() -> None:
    assert len(tables_read()) > 20
    assert tables_read() - cache.watched_tables() == set()


@pytest.mark.django_db
def test_a_label_found_at_the_vendor_makes_the_cached_report_anew() -> None:
    later = NOW + timedelta(seconds=10)
    before = cache.kept_report(as_of=None, now=NOW)
    assert cache.kept_report(as_of=None, now=later) == before
    StrayLabel.objects.create(
        vendor_shipment_id="shp_found", carrier="USPS", tracking_code="T1", cost_cents=700, found_at=NOW
    )
    assert cache.kept_report(as_of=None, now=later)["as_of"] != before["as_of"]
