"""The redemption report over a great programme, against reading the same rows into pandas bare.

    python -m benchmarks.reports_redemption [--units N] [--claims N] [--events N] [--rounds N]

Bare: `pandas.read_sql` of every row and column the report is made of. The rows are made by SQL with the
triggers off: what is measured is reading and adding up. Then, at the size of the programme of 2022 (4,000
keys), the page: first in its process, when a row came in since, and kept.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.inventory_reserve import scratch_database

START = datetime(2026, 1, 5, tzinfo=UTC)
AS_OF = START + timedelta(weeks=60)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=100_000, help="1000000 for all")
    parser.add_argument("--claims", type=int, default=50_000, help="500000 for all")
    parser.add_argument("--events", type=int, default=500_000, help="of claims; 5000000 for all")
    parser.add_argument("--rounds", type=int, default=2, help="of both; the best of each counts")
    options = parser.parse_args(arguments)
    with scratch_database():
        from django.db import connection

        started = time.perf_counter()
        fill(units=options.units, claims=options.claims, events=options.events)
        print(f"rows made in {time.perf_counter() - started:.0f} s", flush=True)
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        peaks = {}
        for _ in range(options.rounds):
            for what in ("bare", "ours"):
                seconds, peaks[what] = in_a_process(what, str(connection.settings_dict["NAME"]))
                times[what].append(seconds)
        ours, bare = min(times["ours"]), min(times["bare"])
        print(
            f"redemption report over {options.units:,} units, {options.claims:,} claims,"
            f" {options.events:,} events: {ours:.1f} s, the same rows read bare {bare:.1f} s -> {ours / bare:.2f} (at most 3);"
            f" peak {peaks['ours']:,.0f} MiB (at most 3,072), bare {peaks['bare']:,.0f}",
            flush=True,
        )
    with scratch_database():
        from django.db import connection

        fill(units=4_000, claims=2_000, events=20_000)
        first, anew, kept = in_a_process("page", str(connection.settings_dict["NAME"]))
        print(
            f"its page over 4,000 units, 2,000 claims, 20,000 events: {anew:.2f} s (at most 2) when a row came in"
            f" since, {kept:.3f} s kept, {first:.2f} s the first in its process"
        )


def in_a_process(what: str, database: str) -> list[float]:
    """What `measured` prints of one way, in a process of its own: a peak is never given back."""
    code = f"from benchmarks.reports_redemption import measured; measured({what!r}, {database!r})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in done.stdout.splitlines()[-1].split()]


def measured(what: str, database: str) -> None:
    import os

    os.environ["DATABASE_NAME"] = database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    if what == "page":
        print(*page_seconds())
        return
    # Both begin with their libraries loaded.
    import pandas  # noqa: F401

    from reports.redemption import redemption_report

    started = time.perf_counter()
    if what == "ours":
        assert redemption_report(campaign_slug=None, as_of=AS_OF)["stock"]["adds_up"]
    else:
        read_bare()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - started, peak)


def page_seconds() -> tuple[float, float, float]:
    """The page of the exact report for staff: first in its process, after another row, and kept."""
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client

    from common import clock
    from config.models import User
    from desk.models import Appointment
    from desk.roles import Role

    settings.STAFF_SECURITY_KEY_REQUIRED = False
    settings.ALLOWED_HOSTS = ["testserver"]
    cache.clear()
    user = User.objects.create_user("staff:bench", email="bench@example.org", is_staff=True)
    Appointment.objects.create(user=user, role=Role.AUDITOR, appointed_at=START, appointed_by=None)
    client = Client()
    client.force_login(user)

    def seconds() -> float:
        started = time.perf_counter()
        assert client.get("/reports/redemption/").status_code == 200
        return time.perf_counter() - started

    with clock.reading(lambda: AS_OF):
        first = seconds()
        with connection.cursor() as cursor:
            cursor.execute(_ONE_MORE_EVENT)
        return first, seconds(), seconds()


def read_bare() -> Sequence[object]:
    """Every row the report reads, with the columns it reads, as pandas does it by itself."""
    import warnings

    import pandas as pd
    from django.db import connection

    tables = {
        "inventory_movement": "unit_id, from_account, to_account, reference, moved_at",
        "claims_claim": "id, code, campaign_id, account_id, country, decision_id, created_at",
        "claims_claimevent": "claim_id, name, state_before, state_after, at",
        "roster_decision": "account_id, policy_id, outcome, headline, decided_at",
        "roster_twofactorobservation": "account_id, has_totp, has_webauthn, observed_at",
    }
    connection.ensure_connection()
    with warnings.catch_warnings():
        # pandas would rather have SQLAlchemy's connection; it reads the same rows either way.
        warnings.simplefilter("ignore")
        return [
            pd.read_sql(f"SELECT {columns} FROM {table}", connection.connection)
            for table, columns in tables.items()
        ] + [
            pd.read_sql(
                "SELECT claim_id, data, at FROM claims_claimevent WHERE name = 'label_bought'",
                connection.connection,
            )
        ]


def fill(*, units: int, claims: int, events: int) -> None:
    """A roster, one campaign, claims of two keys as far as there are units, events to make up the number."""
    from django.db import connection, transaction

    from inventory.default_key_models import ensure_catalogue

    ensure_catalogue(START)
    sent = min(claims, units // 2)
    rest = max(events - 4 * claims, 0)
    numbers: dict[str, Any] = {"units": units, "claims": claims, "sent": sent, "rest": rest, "start": START}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        set_defaults(cursor)
        # Made at once at the end, indexes take a third of the time.
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        for statement in _ROWS:
            cursor.execute(statement, numbers)
        for _, definition in indexes:
            cursor.execute(definition)
    connection.set_autocommit(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def set_defaults(cursor: Any) -> None:
    """Give columns that the statements below do not name something to hold: new ones come often."""
    cursor.execute(_WITHOUT_DEFAULT)
    for table, column, kind in cursor.fetchall():
        value = {"boolean": "false", "character varying": "''", "text": "''", "jsonb": "'{}'"}.get(kind, "0")
        cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT {value}')


# ruff: noqa: E501 - columns of INSERT statements
_ROWS = (
    """
    INSERT INTO roster_account (id, username, email, email_verified, is_organization, has_totp, has_webauthn,
        two_factor_observed_at, created_at, updated_at)
    SELECT n, 'm-' || n, '', false, false, false, false, %(start)s, %(start)s, %(start)s
    FROM generate_series(1, %(claims)s) AS n
    """,
    """
    INSERT INTO roster_twofactorobservation (account_id, has_totp, has_webauthn, observed_at)
    SELECT n, n %% 3 = 0, n %% 5 = 0, %(start)s::timestamptz - interval '1 day'
    FROM generate_series(1, %(claims)s) AS n
    """,
    """
    INSERT INTO roster_policy (id, version, document, status, effective_at, published_at, published_by)
    VALUES (1, 'bench', '{"version": "bench", "rules": []}', 'published', %(start)s, %(start)s, 'bench')
    """,
    """
    INSERT INTO claims_campaign (id, slug, name, sponsor, opens_at, closes_at, per_claim, offer_days, policy_id, created_at)
    VALUES (1, 'bench', 'Bench', '', %(start)s, %(start)s::timestamptz + interval '500 days', 2, 7, 1, %(start)s)
    """,
    """
    INSERT INTO roster_decision (id, account_id, policy_id, campaign, outcome, headline, verdicts, facts, decided_at)
    SELECT n, n, 1, 'bench', 'eligible', '', '[]', '{}', %(start)s::timestamptz + n * interval '50 seconds'
    FROM generate_series(1, %(claims)s) AS n
    """,
    """
    INSERT INTO claims_claim (id, code, campaign_id, account_id, decision_id, state, country, service, created_at,
        updated_at)
    SELECT n, 'C-' || lpad(n::text, 12, '0'), 1, n, n, 'accepted',
        (ARRAY['US', 'DE', 'GB', 'FR', 'JP', 'CA', 'IT', 'ES', 'CH', 'AT', 'BE'])[1 + n %% 11], 'standard',
        %(start)s::timestamptz + n * interval '50 seconds', %(start)s
    FROM generate_series(1, %(claims)s) AS n
    """,
    """
    INSERT INTO inventory_lot (id, reference, key_model_id, supplier, purchase_order, firmware, received_at,
        received_by)
    SELECT id, 'BENCH ' || sku, id, '', '', '', %(start)s, 'system:bench' FROM inventory_keymodel
    """,
    """
    INSERT INTO inventory_unit (id, serial, key_model_id, lot_id, received_at, account, movement_count, head_hash)
    SELECT n, 'BENCH-' || n, model.id, model.id, %(start)s, 'available', 1, '\\x'
    FROM generate_series(1, %(units)s) AS n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM inventory_keymodel) AS model
        ON model.place = n %% (SELECT count(*) FROM inventory_keymodel)
    """,
    """
    INSERT INTO inventory_movement (unit_id, sequence, from_account, to_account, reason, reference, actor, moved_at,
        recorded_at, previous_hash, hash)
    SELECT n, step.place, step.origin, step.target, step.reason,
        CASE WHEN step.place = 1 THEN 'BENCH' ELSE 'C-' || lpad(((n + 1) / 2)::text, 12, '0') END, 'system:bench',
        CASE WHEN step.place = 1 THEN %(start)s::timestamptz
             ELSE %(start)s::timestamptz + (n + 1) / 2 * interval '50 seconds' + step.place * interval '1 day' END,
        %(start)s, '\\x', '\\x'
    FROM generate_series(1, %(units)s) AS n
    CROSS JOIN (VALUES (1, 'supplier', 'available', 'receive'), (2, 'available', 'reserved', 'reserve'),
        (3, 'reserved', 'packed', 'pack'), (4, 'packed', 'in_transit', 'hand_over')
    ) AS step (place, origin, target, reason)
    WHERE step.place = 1 OR n <= 2 * %(sent)s
    """,
    """
    INSERT INTO claims_claimevent (claim_id, name, state_before, state_after, actor, at, data)
    SELECT n, step.name, step.origin, step.target, 'system',
        %(start)s::timestamptz + n * interval '50 seconds' + step.place * interval '1 day',
        CASE step.name WHEN 'label_bought' THEN jsonb_build_object('carrier', 'USPS', 'service', 'First',
            'cost_cents', 400 + n %% 900, 'premium_cents', 0, 'currency', 'USD') ELSE '{}' END
    FROM generate_series(1, %(claims)s) AS n
    CROSS JOIN (VALUES (0, 'accepted', '', 'accepted'), (1, 'label_bought', 'accepted', 'accepted'),
        (4, 'shipped', 'accepted', 'shipped'), (9, 'delivered', 'shipped', 'delivered')
    ) AS step (place, name, origin, target)
    """,
    """
    INSERT INTO claims_claimevent (claim_id, name, state_before, state_after, actor, at, data)
    SELECT 1 + n %% %(claims)s, 'tracked', 'delivered', 'delivered', 'system',
        %(start)s::timestamptz + interval '400 days', '{}'
    FROM generate_series(1, %(rest)s) AS n
    """,
)


_WITHOUT_DEFAULT = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
      AND table_name IN ('roster_account', 'roster_twofactorobservation', 'roster_policy', 'roster_decision',
                         'claims_campaign', 'claims_claim', 'claims_claimevent', 'inventory_lot', 'inventory_unit',
                         'inventory_movement')
      AND data_type IN ('boolean', 'character varying', 'text', 'jsonb', 'smallint', 'integer', 'bigint')
"""
# Of the great tables; those that keep a constraint stay.
_INDEXES = """
    SELECT index.indexname, index.indexdef FROM pg_indexes AS index
    WHERE index.schemaname = current_schema()
      AND index.tablename IN ('inventory_movement', 'inventory_unit', 'claims_claim', 'claims_claimevent',
                              'roster_decision')
      AND NOT EXISTS (SELECT FROM pg_constraint AS kept JOIN pg_class ON pg_class.oid = kept.conindid
                      WHERE pg_class.relname = index.indexname)
      AND index.indexdef NOT LIKE 'CREATE UNIQUE%'
"""
_ONE_MORE_EVENT = """
    INSERT INTO claims_claimevent (claim_id, name, state_before, state_after, actor, at, data)
    SELECT claim_id, 'tracked', 'delivered', 'delivered', 'system', at, '{}' FROM claims_claimevent
    ORDER BY id DESC LIMIT 1
"""

if __name__ == "__main__":
    main()
