"""The region table goes out as CSV and comes back; what was true before stays on record."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from common.errors import InputErrors
from fulfillment.claims.campaigns.region_csv import export_regions, import_regions
from fulfillment.claims.models import Campaign, Region

pytestmark = pytest.mark.django_db


def test_what_goes_out_comes_back_unchanged(campaign: Campaign, tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "regions.csv"
    path.write_text(export_regions())
    assert len(path.read_text().splitlines()) == Region.objects.count() + 1
    assert import_regions(path=path, now=now + timedelta(days=1)) == 0


def test_a_changed_row_begins_now_and_the_one_before_stays(
    campaign: Campaign, tmp_path: Path, now: datetime
) -> None:
    path, later = tmp_path / "regions.csv", now + timedelta(days=1)
    rows = export_regions().splitlines(keepends=True)
    path.write_text("".join(row.replace("DE,,open", "DE,,paused") for row in rows))
    assert import_regions(path=path, now=later) == 1
    old, new = Region.objects.filter(country="DE").order_by("valid_from")
    assert (old.status, old.valid_until, new.status, new.valid_from) == ("open", later, "paused", later)
    # The history goes out too, and coming in again it changes nothing.
    path.write_text(export_regions())
    assert import_regions(path=path, now=later + timedelta(days=1)) == 0


def test_bad_cells_are_named_and_nothing_changes(campaign: Campaign, tmp_path: Path, now: datetime) -> None:
    path, before = tmp_path / "regions.csv", Region.objects.count()
    header = "country,status,source,is_sponsored,promised_days,ceiling_cents\n"
    path.write_text(f"{header}DE,open,us,maybe,5,x\n")
    with pytest.raises(InputErrors) as refused:
        import_regions(path=path, now=now)
    assert [(p.line, p.field) for p in refused.value.problems] == [(2, "is_sponsored"), (2, "ceiling_cents")]
    path.write_text(f"{header}ZZ,ajar,us,true,5,100\n")
    with pytest.raises(InputErrors, match="Not a valid ISO 3166-1 country code"):
        import_regions(path=path, now=now)
    assert Region.objects.count() == before
