"""The redemption report: its numbers by hand, by plain SQL, and the same whenever it is made."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from fulfillment.claims.models import Campaign
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Unit
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from reports.documents import RedemptionReport
from reports.metrics import STEPS
from reports.redemption import redemption_report
from tests.conftest import USB_A
from tests.reports.conftest import MOMENTS, POSTAGE_CENTS, Claiming, deliver, ship

END = MOMENTS[-1]


def report(as_of: datetime = END, **given: Any) -> RedemptionReport:
    return redemption_report(campaign_slug=given.pop("slug", "keys-2022"), as_of=as_of, **given)


def test_it_counts_a_small_programme(programme: Campaign) -> None:
    made = report()
    assert made["keys"] == {
        "total": 22,
        "claimed": 14,
        "shipped": 8,
        "delivered": 2,
        "redeemed": 4,
        "available": 8,
    }
    assert made["claims"]["total"] == 8
    assert {state: count for state, count in made["claims"]["by_state"].items() if count} == {
        "accepted": 3,
        "shipped": 2,
        "delivered": 1,
        "cancelled": 1,
        "returned": 1,
    }
    assert made["refusals"] == {"total": 2, "people": 1, "by_rule": {"on_critical_roster": 2}}
    assert made["costs"]["sending"] == [
        {
            "currency": "USD",
            "labels": 3,
            "postage_cents": 2046,
            "insurance_cents": 0,
            "duties_cents": 0,
            "adjustments_cents": 0,
            "strays_cents": 0,
            "refunds_cents": 0,
            "compensation_cents": 0,
            "net_cents": 2046,
            "cents_per_delivered_pair": 2046,
            "cents_per_enrolled": None,
        }
    ]
    assert made["costs"]["programme"] == [
        {
            "currency": "USD",
            "sending_cents": 2046,
            "received_cents": 0,
            "cost_cents": 2046,
            "cents_per_delivered_pair": 2046,
            "cents_per_enrolled": None,
        }
    ]
    assert made["stock"]["adds_up"] is True
    assert made["stock"]["total_received"] == 22
    assert {account: units for account, units in made["stock"]["accounts"].items() if units} == {
        "available": 8,
        "reserved": 6,
        "in_transit": 2,
        "delivered": 2,
        "quarantine": 2,
        "lost": 2,
    }


def test_weeks_add_up_and_go_back_when_keys_do(programme: Campaign) -> None:
    weeks = report()["by_week"]
    assert [week["week"] for week in weeks] == ["2022-W28", "2022-W29", "2022-W30", "2022-W31", "2022-W32"]
    assert [week["redeemed"] for week in weeks] == [4, 2, 0, 0, -2]
    assert weeks[2]["shipped"] == 2
    assert weeks[-1]["standing"] == {
        step: report()["keys"][step] for step in ("claimed", "shipped", "delivered", "redeemed")
    }


def test_a_weeks_standing_is_the_headline_of_a_report_at_its_end(programme: Campaign) -> None:
    for week in report()["by_week"]:
        end = datetime.fromisoformat(week["starts_on"]).replace(tzinfo=UTC) + timedelta(days=7)
        keys = report(end - timedelta(microseconds=1))["keys"]
        assert {step: keys[step] for step in STEPS} == week["standing"]


def test_countries_and_models_add_up_to_the_headline(programme: Campaign) -> None:
    made = report()
    for step in ("claimed", "shipped", "delivered", "redeemed"):
        assert sum(row[step] for row in made["by_country"]) == made["keys"][step]
        assert sum(row[step] for row in made["by_key_model"]) == made["keys"][step]
    assert [row["country"] for row in made["by_country"]] == ["DE", "FR", "US"]
    assert made["by_country"][0]["people"] == 5  # six claimed, one cancelled


@pytest.mark.parametrize("moment", MOMENTS)
def test_plain_sql_over_the_rows_gives_the_same_numbers(programme: Campaign, moment: datetime) -> None:
    made = report(moment)
    assert made["keys"] == _keys_by_sql(moment)
    assert {row["country"]: row["redeemed"] for row in made["by_country"] if row["redeemed"]} == dict(
        _sql(_STANDING + "SELECT country, count(*) FROM standing WHERE is_redeemed GROUP BY country", moment)
    )
    assert {state: count for state, count in made["claims"]["by_state"].items() if count} == dict(
        _sql(
            "SELECT DISTINCT ON (1) state, count(*) OVER (PARTITION BY state) FROM (SELECT DISTINCT ON (claim_id)"
            " state_after AS state FROM claims_claimevent WHERE at <= %(as_of)s ORDER BY claim_id, id DESC) AS last",
            moment,
        )
    )
    assert made["refusals"]["by_rule"] == dict(
        _sql(
            "SELECT headline, count(*) FROM roster_decision WHERE decided_at <= %(as_of)s"
            " AND outcome = 'ineligible' GROUP BY headline",
            moment,
        )
    )
    assert {account: units for account, units in made["stock"]["accounts"].items() if units} == dict(
        _sql(_STANDING + "SELECT account, count(*) FROM standing GROUP BY account", moment)
    )
    cents = _sql(
        "SELECT coalesce(sum((data ->> 'cost_cents')::int), 0) FROM claims_claimevent"
        " WHERE name = 'label_bought' AND at <= %(as_of)s",
        moment,
    )[0][0]
    assert sum(row["net_cents"] for row in made["costs"]["sending"]) == cents


@pytest.mark.parametrize("moment", MOMENTS)
def test_plain_sql_gives_the_same_weeks(programme: Campaign, moment: datetime) -> None:
    """A key enters or leaves a step when two neighbours in its chain differ in it."""
    rows = _sql(
        """
        SELECT date_trunc('week', moved_at AT TIME ZONE 'UTC')::date::text,
               sum((to_account IN ('in_transit', 'delivered'))::int
                   - (from_account IN ('in_transit', 'delivered'))::int),
               sum((from_account = 'packed' AND to_account = 'in_transit')::int),
               sum((to_account = 'delivered')::int - (from_account = 'delivered')::int)
        FROM inventory_movement WHERE moved_at <= %(as_of)s GROUP BY 1
        """,
        moment,
    )
    by_sql = {start: counts for start, *counts in rows if any(counts)}
    by_week = {
        week["starts_on"]: [week["redeemed"], week["shipped"], week["delivered"]]
        for week in report(moment)["by_week"]
    }
    assert {start: counts for start, counts in by_week.items() if any(counts)} == by_sql


def test_a_report_of_a_past_moment_is_the_same_whenever_it_is_made(
    claim_keys: Claiming, stock: None, now: datetime
) -> None:
    claim = claim_keys("p-01", country="DE", at=now)
    ship(claim, on=1, cents=500)
    then = now + timedelta(days=2)
    made_then = json.dumps(report(then))
    deliver(claim, on=3)
    claim_keys("p-02", country="FR", at=now + timedelta(days=4))
    receive_stock(sku=USB_A, lot_reference="LATE", quantity=5, actor="staff", now=now + timedelta(days=5))
    assert json.dumps(report(then)) == made_then
    assert json.dumps(report(now + timedelta(days=6))) != made_then


def test_the_same_rows_make_the_same_bytes(programme: Campaign) -> None:
    assert json.dumps(report()) == json.dumps(report())


def test_a_delivery_taken_back_is_not_delivered_but_still_redeemed(
    claim_keys: Claiming, stock: None, now: datetime
) -> None:
    claim = claim_keys("p-01", country="DE", at=now)
    ship(claim, on=1, cents=500)
    deliver(claim, on=2)
    move(
        holder=claim.code,
        to_account="in_transit",
        reason="correct",
        actor="staff",
        now=now + timedelta(days=4),
    )
    keys = report(now + timedelta(days=5))["keys"]
    assert (keys["shipped"], keys["delivered"], keys["redeemed"]) == (2, 0, 2)


def test_keys_held_for_nobody_known_are_claimed_but_not_redeemed(
    campaign: Campaign, stock: None, now: datetime
) -> None:
    """A movement whose reference is no claim: no eligible maintainer is behind it."""
    unit = Unit.objects.available().first()
    assert unit is not None
    for to_account, reason in (("reserved", "reserve"), ("packed", "pack"), ("in_transit", "hand_over")):
        move(units=[unit], to_account=to_account, reason=reason, reference="C-NOBODY", actor="staff", now=now)
    made = report(now, slug=None)
    assert (made["keys"]["shipped"], made["keys"]["redeemed"]) == (1, 0)
    assert made["by_country"] == [
        {
            "country": "ZZ",
            "people": 0,
            "claimed": 1,
            "shipped": 1,
            "delivered": 0,
            "redeemed": 0,
        }
    ]
    assert report(now)["keys"]["shipped"] == 0


def test_another_campaigns_report_has_none_of_this_ones_claims(programme: Campaign, now: datetime) -> None:
    Campaign.objects.create(
        slug="other",
        name="Other",
        opens_at=now,
        closes_at=now + timedelta(days=9),
        policy=programme.policy,
        created_at=now,
    )
    made = report(slug="other")
    assert made["claims"]["total"] == made["keys"]["claimed"] == 0
    assert made["keys"]["total"] == 22
    assert report(slug=None)["keys"] == report()["keys"]


def test_a_campaign_with_nothing_in_it_reports_nothing(campaign: Campaign, now: datetime) -> None:
    made = report(now)
    assert set(made["keys"].values()) == {0}
    assert (made["by_week"], made["by_country"], made["by_key_model"], made["costs"]["sending"]) == (
        [],
        [],
        [],
        [],
    )
    assert made["stock"]["adds_up"] is True
    assert set(made["stock"]["accounts"].values()) == {0}


def test_one_unit_makes_a_report(campaign: Campaign, now: datetime) -> None:
    receive_stock(sku=USB_A, lot_reference="ONE", quantity=1, actor="staff", now=now)
    made = report(now)
    assert (made["keys"]["total"], made["keys"]["available"]) == (1, 1)
    assert made["stock"]["by_key_model"][USB_A]["available"] == 1


def test_it_enrols_who_shows_a_security_key_after_delivery(
    claim_keys: Claiming, stock: None, now: datetime, address: PostalAddress
) -> None:
    from roster.models import Account, TwoFactorObservation

    claim = claim_keys("p-01", country="DE", at=now)
    ship(claim, on=1, cents=500)
    deliver(claim, on=2)
    account = Account.objects.get(username="p-01")
    TwoFactorObservation.objects.create(
        account=account, has_totp=False, has_webauthn=True, observed_at=now + timedelta(days=3)
    )
    assert report(now + timedelta(days=2, hours=3))["two_factor"]["enrolled"] == 0
    after = report(now + timedelta(days=4))["two_factor"]
    assert after["accounts"] == {"none": 12, "totp": 1, "webauthn": 2}
    assert after["enrolled"] == 1
    assert {"before": "none", "now": "webauthn", "accounts": 1} in after["flows_of_claimants"]


def test_the_number_of_queries_does_not_grow_with_the_rows(
    programme: Campaign, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(16):
        report()


def test_cents_per_pair_are_rounded_half_up(programme: Campaign) -> None:
    from reports.frames import charges, labels
    from reports.metrics.parcels import sending

    bought, none = labels(END), charges(END)
    assert bought["cost_cents"].tolist() == POSTAGE_CENTS
    assert sending(bought, none, delivered_keys=0, enrolled=0)[0]["cents_per_delivered_pair"] is None
    assert sending(bought, none, delivered_keys=8, enrolled=4)[0]["cents_per_delivered_pair"] == 512  # 511.5


_STANDING = """
    WITH last AS (
        SELECT DISTINCT ON (unit_id) unit_id, to_account, reference
        FROM inventory_movement WHERE moved_at <= %(as_of)s ORDER BY unit_id, sequence DESC
    ), standing AS (
        SELECT last.to_account AS account, claim.country,
               EXISTS (SELECT FROM inventory_movement AS sent WHERE sent.unit_id = last.unit_id
                       AND sent.reason = 'hand_over' AND sent.moved_at <= %(as_of)s) AS is_shipped,
               claim.id IS NOT NULL AND last.to_account IN ('in_transit', 'delivered') AS is_redeemed
        FROM last LEFT JOIN claims_claim AS claim ON claim.code = last.reference
    )
"""


def _keys_by_sql(as_of: datetime) -> dict[str, int]:
    row = _sql(
        _STANDING
        + """
        SELECT count(*), count(*) FILTER (WHERE is_shipped OR account IN ('reserved', 'packed')),
               count(*) FILTER (WHERE is_shipped), count(*) FILTER (WHERE account = 'delivered'),
               count(*) FILTER (WHERE is_redeemed), count(*) FILTER (WHERE account = 'available')
        FROM standing
        """,
        as_of,
    )[0]
    return dict(zip(("total", "claimed", "shipped", "delivered", "redeemed", "available"), row, strict=True))


def _sql(query: str, as_of: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"as_of": as_of})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
