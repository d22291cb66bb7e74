"""One stream of all that was done: the desk, claims, the ledger, opened addresses; in order, by cursor."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from common import clock
from desk.audit.activity_log import SOURCES, ActivityFilter, activity_page, activity_rows
from desk.audit.recording import record_action
from desk.roles import Role
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.vault.models import Opening
from fulfillment.vault.services import Purpose, open_address
from inventory.models import Movement
from tests.conftest import MakeClaim
from tests.desk.conftest import StaffWith

pytestmark = pytest.mark.usefixtures("stock")


@pytest.fixture
def claim(make_claim: MakeClaim, now: datetime) -> Iterator[Claim]:
    """A claim with its movements and events, whose address robin opened an hour later, and a line of the desk."""
    made = make_claim()
    later = now + timedelta(hours=1)
    open_address(subject=made.code, purpose=Purpose.SUPPORT, actor="staff:robin", now=later)
    record_action(actor="staff:kim", action="noted", subject_kind="claim", subject=made.code, now=later)
    with clock.reading(lambda: later):
        yield made


def lines_of(asked: ActivityFilter) -> list[Any]:
    return list(activity_rows(asked))


def test_it_has_everything_newest_first(claim: Claim) -> None:
    lines = lines_of(ActivityFilter())
    counts: dict[str, Any] = {"claims": ClaimEvent, "ledger": Movement, "vault": Opening}
    found = {name: sum(line.source == name for line in lines) for name in counts}
    assert found == {name: model.objects.count() for name, model in counts.items()}
    assert all(found.values())
    assert [line.place for line in lines] == sorted((line.place for line in lines), reverse=True)
    assert [line.source for line in lines[:2]] == ["desk", "vault"]
    assert all(line.hash for line in lines if line.source in ("desk", "ledger"))


@pytest.mark.parametrize("size", [1, 3, 7])
def test_pages_together_are_everything_once(size: int, claim: Claim) -> None:
    """Many lines are of the same moment and of different sources; none is shown twice or left out."""
    found, after = [], ""
    while True:
        lines, after = activity_page(ActivityFilter(after=after), size=size)
        found += lines
        if not after:
            break
    assert [(line.source, line.pk) for line in found] == [
        (line.source, line.pk) for line in lines_of(ActivityFilter())
    ]


def test_it_is_searched_by_who_what_and_when(claim: Claim, now: datetime) -> None:
    later = now + timedelta(hours=1)
    assert {line.source for line in lines_of(ActivityFilter(actor="staff:robin"))} == {"vault"}
    assert {line.source for line in lines_of(ActivityFilter(subject=claim.code))} == {
        "desk",
        "claims",
        "vault",
    }
    unit = Movement.objects.filter(reference=claim.code).values_list("unit__serial", flat=True)[0]
    assert [line.action for line in lines_of(ActivityFilter(subject=unit))] == ["reserve", "receive"]
    assert {line.action for line in lines_of(ActivityFilter(action="reserve"))} == {"reserve"}
    assert [line.source for line in lines_of(ActivityFilter(since=later))] == ["desk", "vault"]
    assert not [line for line in lines_of(ActivityFilter(until=later)) if line.source in ("desk", "vault")]
    for source in SOURCES:
        assert {line.source for line in lines_of(ActivityFilter(source=source.name))} == {source.name}


def test_the_page_shows_all_sources_in_few_queries(
    claim: Claim, staff_with: StaffWith, django_assert_max_num_queries: Any
) -> None:
    client: Client = staff_with(Role.AUDITOR)
    with django_assert_max_num_queries(20):
        shown = client.get("/desk/audit/").content.decode()
    assert "to help the claimant" in shown
    assert claim.code in shown
    only = client.get("/desk/audit/?source=vault").content.decode()
    assert "reserve" not in only
    assert client.get("/desk/audit/?after=nonsense").status_code == 200
    assert client.get("/desk/audit/?after=2022-07-11~desk~1").status_code == 200
    assert client.get("/desk/audit/?source=nothing").status_code == 422


def test_the_export_has_every_line_and_what_chains_it(claim: Claim, staff_with: StaffWith) -> None:
    answer: Any = staff_with(Role.AUDITOR).get("/desk/audit/export/")
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert len(rows) == len(lines_of(ActivityFilter()))
    newest = Movement.objects.order_by("-pk")[0]
    assert bytes(newest.hash).hex() in {row["hash"] for row in rows}
    assert "Montgomery" not in str(rows)
