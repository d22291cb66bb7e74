"""I11: every number of the report over a rehearsed programme, a second time, by plain SQL over the rows."""

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from sandbox.rehearsal.plan import DEFAULT_START
from tests.played import Run, manage

AS_OF = ["2026-01-09T17:30:00Z", "2026-01-19T00:00:00Z", "2026-01-26T12:34:56Z", "2026-02-02T09:00:00Z"]
Sql = Any


@pytest.fixture(scope="module")
def database(run: Run, django_db_blocker: Any) -> "Iterator[psycopg.Connection[Any]]":
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    kept = {key: parameters[key] for key in ("host", "port", "user", "password") if parameters.get(key)}
    with psycopg.connect(**kept, dbname=run.database) as opened:
        opened.execute("SET TIME ZONE 'UTC'")
        yield opened


@pytest.fixture(scope="module", params=AS_OF)
def made(request: Any, run: Run, database: "psycopg.Connection[Any]") -> "tuple[dict[str, Any], Sql]":
    """The report as the command makes it, and a way to ask the same rows in SQL."""
    os.environ["DATABASE_NAME"] = run.database
    try:
        done = manage(
            "report", "redemption", "--campaign", "security-keys", f"--as-of={request.param}", "--json"
        )
    finally:
        del os.environ["DATABASE_NAME"]
    assert done.returncode == 0, done.stderr

    def ask(query: str) -> list[Any]:
        return database.execute(query, {"t": request.param}).fetchall()

    return json.loads(done.stdout), ask


LAST = """
WITH last AS (
    SELECT DISTINCT ON (unit_id) unit_id, to_account AS account, reference FROM inventory_movement
    WHERE moved_at <= %(t)s ORDER BY unit_id, sequence DESC
), standing AS (
    SELECT last.unit_id, last.account, claim.id AS claim_id, claim.country, claim.account_id AS person, model.sku,
           policy.version AS policy,
           last.account IN ('reserved', 'packed') OR sent.at IS NOT NULL AS claimed,
           sent.at IS NOT NULL AS shipped, last.account = 'delivered' AS delivered,
           last.account IN ('in_transit', 'delivered') AND claim.id IS NOT NULL AS redeemed
    FROM last JOIN inventory_unit AS unit ON unit.id = last.unit_id
    JOIN inventory_keymodel AS model ON model.id = unit.key_model_id
    LEFT JOIN claims_claim AS claim ON claim.code = last.reference
    LEFT JOIN roster_decision AS decision ON decision.id = claim.decision_id
    LEFT JOIN roster_policy AS policy ON policy.id = decision.policy_id
    LEFT JOIN LATERAL (SELECT min(moved_at) AS at FROM inventory_movement AS moved WHERE moved.unit_id = last.unit_id
        AND moved.to_account = 'in_transit' AND moved.moved_at <= %(t)s) AS sent ON true
)
"""
STEPS = ("claimed", "shipped", "delivered", "redeemed")
SUMS = ", ".join(f"count(*) FILTER (WHERE {step})" for step in STEPS)


def test_keys(made: Any) -> None:
    report, ask = made
    [(total, available, *sums)] = ask(
        LAST + f"SELECT count(*), count(*) FILTER (WHERE account = 'available'), {SUMS} FROM standing"
    )
    assert report["keys"] == {"total": total, **dict(zip(STEPS, sums, strict=True)), "available": available}


@pytest.mark.parametrize("column", ["country", "policy"])
def test_cuts_of_keys(made: Any, column: str) -> None:
    report, ask = made
    rows = ask(
        LAST + f"SELECT {column}, count(DISTINCT person) FILTER (WHERE claimed), {SUMS} FROM standing"
        f" WHERE claim_id IS NOT NULL GROUP BY 1 HAVING bool_or(claimed) ORDER BY 1"
    )
    shown = [row for row in report[f"by_{column}"] if any(row[step] for step in STEPS)]
    assert [(row[column], row["people"], *(row[step] for step in STEPS)) for row in shown] == rows


def test_key_models(made: Any) -> None:
    report, ask = made
    rows = ask(LAST + f"SELECT sku, count(*), {SUMS} FROM standing GROUP BY 1 ORDER BY 1")
    by_model = [(row["sku"], row["total"], *(row[step] for step in STEPS)) for row in report["by_key_model"]]
    assert by_model == rows


def test_weeks(made: Any) -> None:
    """What each week added, from neighbours in the units' chains."""
    report, ask = made
    rows = ask(
        """
        WITH chain AS (
            SELECT date_trunc('week', moved_at)::date::text AS week, from_account, to_account, unit_id, sequence
            FROM inventory_movement WHERE moved_at <= %(t)s
        )
        SELECT week,
               sum((to_account = 'in_transit' AND from_account = 'packed')::int),
               sum((to_account = 'delivered')::int - (from_account = 'delivered')::int),
               sum((to_account IN ('in_transit', 'delivered'))::int
                   - (from_account IN ('in_transit', 'delivered'))::int)
        FROM chain GROUP BY 1 ORDER BY 1
        """
    )
    by_week = {
        row["starts_on"]: [row["shipped"], row["delivered"], row["redeemed"]] for row in report["by_week"]
    }
    assert {week: counts for week, counts in by_week.items() if any(counts)} == {
        week: counts for week, *counts in rows if any(counts)
    }


def test_the_funnel_and_its_times(made: Any) -> None:
    report, ask = made
    [(claimed, shipped, delivered, enrolled)] = ask(
        """
        WITH first AS (
            SELECT claim.account_id, min(event.at) FILTER (WHERE event.name = 'shipped') AS shipped_at,
                   min(event.at) FILTER (WHERE event.name = 'delivered') AS delivered_at
            FROM claims_claim AS claim JOIN claims_claimevent AS event ON event.claim_id = claim.id
            WHERE event.at <= %(t)s AND claim.created_at <= %(t)s GROUP BY claim.id
        )
        SELECT count(DISTINCT account_id), count(DISTINCT account_id) FILTER (WHERE shipped_at IS NOT NULL),
               count(DISTINCT account_id) FILTER (WHERE delivered_at IS NOT NULL),
               count(DISTINCT account_id) FILTER (WHERE delivered_at < (
                   SELECT min(observed_at) FROM roster_twofactorobservation AS seen
                   WHERE seen.account_id = first.account_id AND has_webauthn AND observed_at <= %(t)s))
        FROM first
        """
    )
    [(on_roster, eligible)] = ask(
        """
        WITH roster AS (
            SELECT DISTINCT role.account_id FROM roster_projectrole AS role
            JOIN roster_project AS project ON project.id = role.project_id
            WHERE project.critical_since < %(t)s::timestamptz::date AND first_seen_on < %(t)s::timestamptz::date
              AND (ended_on IS NULL OR ended_on >= %(t)s::timestamptz::date)
        ), before AS (
            SELECT DISTINCT ON (account_id) account_id, has_webauthn FROM roster_twofactorobservation
            WHERE observed_at <= %(t)s
            ORDER BY account_id, (observed_at <= (SELECT min(opens_at) FROM claims_campaign)) DESC,
                     CASE WHEN observed_at <= (SELECT min(opens_at) FROM claims_campaign)
                          THEN -extract(epoch FROM observed_at) ELSE extract(epoch FROM observed_at) END
        ), claimants AS (SELECT DISTINCT account_id FROM claims_claim WHERE created_at <= %(t)s)
        SELECT (SELECT count(*) FROM (SELECT account_id FROM roster UNION SELECT account_id FROM claimants) AS a),
               (SELECT count(*) FROM (SELECT account_id FROM roster JOIN before USING (account_id)
                   WHERE NOT has_webauthn UNION SELECT account_id FROM claimants) AS b)
        """
    )
    people = {row["step"]: row["people"] for row in report["funnel"]["steps"]}
    assert people == {
        "on_roster": on_roster,
        "eligible": eligible,
        "invited": None,
        "claimed": claimed,
        "shipped": shipped,
        "delivered": delivered,
        "enrolled": enrolled,
    }
    [(count, median, p90)] = ask(
        """
        SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY s), percentile_disc(0.9) WITHIN GROUP (ORDER BY s)
        FROM (
            SELECT floor(extract(epoch FROM min(at) FILTER (WHERE name = 'delivered')
                                            - min(at) FILTER (WHERE name = 'shipped')))::bigint AS s
            FROM claims_claimevent WHERE at <= %(t)s GROUP BY claim_id
        ) AS took WHERE s >= 0
        """
    )
    times = report["funnel"]["times"]["shipped_to_delivered"]
    assert (times["count"], times["median_s"], times["p90_s"]) == (count, median, p90)


def test_claims_refusals_and_waitlist(made: Any) -> None:
    report, ask = made
    states = ask(
        """
        SELECT state, count(*) FROM (SELECT DISTINCT ON (claim_id) state_after AS state FROM claims_claimevent
            WHERE at <= %(t)s ORDER BY claim_id, id DESC) AS last GROUP BY 1
        """
    )
    assert {state: count for state, count in report["claims"]["by_state"].items() if count} == dict(states)
    refused = ask(
        "SELECT headline, count(*) FROM roster_decision WHERE outcome = 'ineligible' AND decided_at <= %(t)s"
        " AND campaign = 'security-keys' GROUP BY 1"
    )
    assert report["refusals"]["by_rule"] == dict(refused)
    [(joined,)] = ask(
        "SELECT count(DISTINCT claim_id) FROM claims_claimevent WHERE state_after = 'waitlisted' AND at <= %(t)s"
    )
    assert report["waitlist"]["joined"] == joined


def test_two_factor_and_projects(made: Any) -> None:
    report, ask = made
    now = (
        "SELECT DISTINCT ON (account_id) account_id, has_totp, has_webauthn FROM roster_twofactorobservation"
        + (" WHERE observed_at <= %(t)s ORDER BY account_id, observed_at DESC, id DESC")
    )
    states = ask(
        f"SELECT CASE WHEN has_webauthn THEN 'webauthn' WHEN has_totp THEN 'totp' ELSE 'none' END, count(*)"
        f" FROM ({now}) AS now GROUP BY 1"
    )
    assert {state: count for state, count in report["two_factor"]["accounts"].items() if count} == dict(
        states
    )
    [shares] = ask(
        f"""
        SELECT count(*) FILTER (WHERE share = 0), count(*) FILTER (WHERE share > 0 AND share < 1),
               count(*) FILTER (WHERE share = 1)
        FROM (
            SELECT avg(coalesce(has_webauthn, false)::int) AS share
            FROM (SELECT DISTINCT project_id, account_id FROM roster_projectrole
                  WHERE first_seen_on < %(t)s::timestamptz::date) AS role
            JOIN roster_project AS project ON project.id = role.project_id
            LEFT JOIN ({now}) AS now ON now.account_id = role.account_id
            WHERE project.critical_since < %(t)s::timestamptz::date GROUP BY project.id
        ) AS projects
        """
    )
    assert tuple(report["projects"]["now"]["webauthn"].values()) == shares


def test_carriers_cases_and_payments(made: Any) -> None:
    report, ask = made
    carriers = ask(
        """
        SELECT carrier.name, count(*), count(delivered.at) FROM (
            SELECT claim_id, min(at) AS at FROM claims_claimevent WHERE name = 'shipped' AND at <= %(t)s GROUP BY 1
        ) AS sent
        JOIN LATERAL (SELECT data ->> 'carrier' AS name FROM claims_claimevent AS bought
            WHERE bought.claim_id = sent.claim_id AND name = 'label_bought' AND at <= %(t)s
            ORDER BY id DESC LIMIT 1) AS carrier ON true
        LEFT JOIN LATERAL (SELECT min(at) AS at FROM claims_claimevent AS event
            WHERE event.claim_id = sent.claim_id AND name = 'delivered' AND at <= %(t)s) AS delivered ON true
        GROUP BY 1 ORDER BY 1
        """
    )
    assert [(row["carrier"], row["shipped"], row["delivered"]) for row in report["carriers"]] == carriers
    cases = ask(
        "SELECT reason, count(*), count(*) FILTER (WHERE closed_at IS NULL OR closed_at > %(t)s)"
        " FROM cases_case WHERE kind = 'shipment' AND opened_at <= %(t)s GROUP BY 1 ORDER BY 1"
    )
    assert [(row["reason"], row["opened"], row["open"]) for row in report["cases"]["by_reason"]] == cases
    paid = ask(
        "SELECT currency, sum(amount) FILTER (WHERE category IN ('charge', 'payment')), sum(fee), sum(net)"
        " FROM payments_bookentry WHERE recorded_at <= %(t)s GROUP BY 1 ORDER BY 1"
    )
    books = report["costs"]["payments"]
    assert [
        (row["currency"], row["gross_cents"], row["fee_cents"], row["net_cents"]) for row in books
    ] == paid


def test_costs_to_the_cent(made: Any) -> None:
    """Labels from their events, what came back and what was billed from what was written down of it."""
    report, ask = made
    costs = ask(
        """
        WITH part AS (
            SELECT 'postage' AS kind, (data ->> 'cost_cents')::int - (data ->> 'premium_cents')::int AS cents,
                   data ->> 'currency' AS currency
            FROM claims_claimevent WHERE name = 'label_bought' AND at <= %(t)s
            UNION ALL SELECT 'insurance', (data ->> 'premium_cents')::int, data ->> 'currency'
            FROM claims_claimevent WHERE name = 'label_bought' AND at <= %(t)s
            UNION ALL SELECT kind, cents, currency FROM shipping_parcelcharge WHERE recorded_at <= %(t)s
        )
        SELECT currency, count(*) FILTER (WHERE kind = 'postage'),
               coalesce(sum(cents) FILTER (WHERE kind = 'postage'), 0),
               coalesce(sum(cents) FILTER (WHERE kind = 'insurance'), 0),
               coalesce(sum(cents) FILTER (WHERE kind = 'duty'), 0),
               -coalesce(sum(cents) FILTER (WHERE kind = 'label_refund'), 0), sum(cents)
        FROM part GROUP BY 1 ORDER BY 1
        """
    )
    columns = ("labels", "postage_cents", "insurance_cents", "duties_cents", "refunds_cents", "net_cents")
    sending = report["costs"]["sending"]
    assert [(row["currency"], *(row[column] for column in columns)) for row in sending] == costs
    delivered, enrolled = report["keys"]["delivered"], report["two_factor"]["enrolled"]
    received = {row["currency"]: row["net_cents"] for row in report["costs"]["payments"]}
    for row, whole in zip(sending, report["costs"]["programme"], strict=True):
        for document, net in (
            (row, row["net_cents"]),
            (whole, row["net_cents"] - received.get(row["currency"], 0)),
        ):
            [(pair, each)] = ask(
                f"SELECT round(2.0 * {net} / nullif({delivered}, 0)), round(1.0 * {net} / nullif({enrolled}, 0))"
            )
            assert (document["cents_per_delivered_pair"], document["cents_per_enrolled"]) == (pair, each)


def test_stock_to_the_unit(made: Any) -> None:
    report, ask = made
    rows = ask(LAST + "SELECT account, count(*) FROM standing GROUP BY 1")
    assert {account: units for account, units in report["stock"]["accounts"].items() if units} == dict(rows)
    assert report["stock"]["adds_up"] is True


def test_reports_of_past_moments_are_the_same_when_made_later(run: Run) -> None:
    """The rehearsal made them as the moments passed, and again at its end."""
    weeks = run.summary["weeks"]
    assert run.summary["reports"] == {"moments": weeks, "same_when_made_later": True}
    assert DEFAULT_START.year == 2026
