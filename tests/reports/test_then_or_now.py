"""I11: a report of a past moment is the same, byte for byte, made then or now; at any moment of a rehearsal.

"Then" is made of the rehearsed rows themselves: all that was written down after the moment is taken away, all
that was filled in later is emptied, and what a row says *now* (states, accounts, holders) is made nonsense, for no
report may look at it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from config.environment import ROOT
from reports import catalogue
from reports.as_of import moment_in_words
from reports.exports import FORMATS
from reports.tables import Report
from sandbox.rehearsal.plan import DEFAULT_START
from tests.played import PLAN, Run, connected_to

CAMPAIGN = "security-keys"
SECONDS = PLAN.weeks * 7 * 86_400

# What was not there yet: by the moment, or for what has a day only, by the day.
_LATER = {
    "inventory_movement": "moved_at > %(t)s",
    "claims_claimevent": "at > %(t)s",
    "claims_claim": "created_at > %(t)s",
    "claims_campaign": "created_at > %(t)s",
    "claims_invitation": "invited_at > %(t)s",
    "roster_decision": "decided_at > %(t)s",
    "roster_twofactorobservation": "observed_at > %(t)s",
    "roster_receipt": "taken_at > %(t)s",
    "roster_policyexception": "requested_at > %(t)s",
    "roster_appeal": "created_at > %(t)s",
    "roster_projectrole": "first_seen_on >= %(day)s",
    "shipping_trackingupdate": "recorded_at > %(t)s",
    "cases_case": "opened_at > %(t)s",
    "shipping_parcelcharge": "recorded_at > %(t)s",
    "shipping_straylabel": "found_at > %(t)s",
    "payments_bookentry": "recorded_at > %(t)s",
    "vault_opening": "opened_at > %(t)s",
}
_FILLED_IN_LATER = (
    "UPDATE cases_case SET closed_at = NULL, closed_by = '', outcome = '' WHERE closed_at > %(t)s",
    "UPDATE shipping_straylabel SET settled_at = NULL WHERE settled_at > %(t)s",
    "UPDATE roster_policyexception SET granted_at = NULL WHERE granted_at > %(t)s",
    "UPDATE roster_policyexception SET ended_at = NULL WHERE ended_at > %(t)s",
    "UPDATE roster_appeal SET answered_at = NULL, state = 'open' WHERE answered_at > %(t)s",
    "UPDATE roster_projectrole SET ended_on = NULL WHERE ended_on >= %(day)s",
    "UPDATE roster_project SET critical_since = NULL WHERE critical_since >= %(day)s",
)
_NONSENSE = (
    "UPDATE claims_claim SET state = 'cancelled', updated_at = now(), label_started_at = now()",
    "UPDATE inventory_unit SET account = 'destroyed', held_for = NULL",
    "UPDATE roster_account SET has_totp = NOT has_totp, has_webauthn = NOT has_webauthn",
    "UPDATE shipping_shipment SET state = 'cancelled'",
    "UPDATE shipping_labelpurchase SET state = 'failed', cost_cents = 1, rate_cents = 1",
)


@pytest.fixture(scope="module")
def rehearsed(run: Run, django_db_blocker: Any) -> Iterator[None]:
    """The rehearsed programme's own database."""
    with django_db_blocker.unblock(), connected_to(run.database):
        yield


def take_back(moment: datetime) -> None:
    """Leave of the rows what had been written down by then; without triggers, which rightly refuse all this."""
    given = {"t": moment, "day": moment.date()}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, is_later in _LATER.items():
            cursor.execute(f"DELETE FROM {table} WHERE {is_later}", given)
        for statement in (*_FILLED_IN_LATER, *_NONSENSE):
            cursor.execute(statement, given)


def reports_of(moment: datetime) -> dict[str, Report]:
    return {
        "exact": catalogue.exact_redemption(campaign_slug=CAMPAIGN, as_of=moment),
        "all": catalogue.exact_redemption(campaign_slug=None, as_of=moment),
        "published": catalogue.published_redemption(campaign_slug=CAMPAIGN, as_of=moment, smallest_group=3),
        **{name: statement.make(moment) for name, statement in catalogue.STATEMENTS.items()},
    }


def differences(
    moment: datetime, *, forms: list[str], before: Callable[[datetime], None] = take_back
) -> list[str]:
    """Which reports of a moment are not the same bytes when only what had been written by then is there."""
    with transaction.atomic():
        now = reports_of(moment)
        before(moment)
        then = reports_of(moment)
        transaction.set_rollback(True)
    return [
        f"{name} as {form}"
        for name in now
        for form in forms
        if FORMATS[form].write(now[name]) != FORMATS[form].write(then[name])
    ]


@settings(max_examples=int(os.environ.get("KEYDESK_LONG", "0")) * 94 + 6, deadline=None, derandomize=True)
@given(seconds=st.integers(3_600, SECONDS), microsecond=st.integers(0, 999_999))
def test_any_moment_is_told_the_same(rehearsed: None, seconds: int, microsecond: int) -> None:
    moment = DEFAULT_START + timedelta(seconds=seconds, microseconds=microsecond)
    assert differences(moment.astimezone(UTC), forms=["json"]) == []


def test_every_format_is_the_same_bytes(rehearsed: None) -> None:
    moment = DEFAULT_START + timedelta(days=17, hours=9)
    assert differences(moment.astimezone(UTC), forms=sorted(FORMATS)) == []


_WRITE_ALL = """
import sys, django
django.setup()
from django.core.management import call_command
from reports.exports import FORMATS
moment, folder, *names = sys.argv[1:]
for name in names:
    which = ["--campaign", "security-keys"] if name in ("redemption", "published") else []
    for form in FORMATS:
        call_command("report", name, *which, "--as-of", moment, "--format", form, "--output", f"{folder}/{name}.{form}")
"""


def test_another_process_writes_the_same_bytes(rehearsed: None, run: Run, tmp_path: Path) -> None:
    """Of every report in every format, by the command; with other hashes, and in another time zone."""
    moment = (DEFAULT_START + timedelta(days=17, hours=9)).astimezone(UTC)
    here = reports_of(moment)
    reports = {"redemption": here["exact"], **{name: here[name] for name in catalogue.STATEMENTS}}
    reports["published"] = catalogue.published_redemption(
        campaign_slug=CAMPAIGN, as_of=moment, smallest_group=django_settings.ENVIRONMENT.smallest_group
    )
    variables = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_NAME": run.database,
        "PYTHONHASHSEED": "20220711", "TZ": "Asia/Tokyo",
    }  # fmt: skip
    command = [sys.executable, "-c", _WRITE_ALL, moment_in_words(moment), str(tmp_path), *reports]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [
        f"{name}.{form}"
        for name, report in reports.items()
        for form, writing in FORMATS.items()
        if (tmp_path / f"{name}.{form}").read_bytes() != writing.write(report)
    ] == []


def test_the_test_would_see_a_row_that_came_later(rehearsed: None) -> None:
    """Taken back to a day earlier than asked for, the reports do differ."""
    moment = (DEFAULT_START + timedelta(days=17)).astimezone(UTC)
    found = differences(moment, forms=["json"], before=lambda at: take_back(at - timedelta(days=3)))
    assert {"exact as json", "all as json"} <= set(found), json.dumps(found)
