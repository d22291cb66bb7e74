"""Every page of the desk over a large programme, as a ratio of its time over a small one in the same run.

    python -m benchmarks.desk_pages [--small N] [--large N] [--rounds N]

Two databases are filled, each with as many claims as keys and all that hangs on them, in the proportions of a
programme that has run for two years: policies, waves and key models follow each other, so that what a filter
asks for may lie at the far end. Each page is asked for by the test client and has to answer with few queries.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.inventory_reserve import scratch_database

AT_MOST, QUERIES, SCAN_QUERIES = 1.5, 20, 5
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(days=730)
WAVES = 10
# A database that fits a laptop's memory answers in a few milliseconds; what is below that is noise.
FLOOR_MS = 4.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000, help="claims, and keys, of the small programme")
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--explain", action="store_true", help="print the slowest query of each slow page")
    options = parser.parse_args(arguments)
    small = measured(options.small, options)
    large = measured(options.large, options)
    print(f"{'page':44} {options.small:>9,} {options.large:>11,}   ratio  queries")
    slow = 0
    for name, (before, _) in small.items():
        after, queries = large[name]
        ratio = max(after, FLOOR_MS) / max(before, FLOOR_MS)
        is_slow = ratio > AT_MOST or queries > most_queries(name)
        slow += is_slow
        mark = "  over" if is_slow else ""
        print(f"{name:44} {before:6.1f} ms {after:8.1f} ms {ratio:7.2f} {queries:8}{mark}")
    print(f"{len(small)} pages, {slow} over {AT_MOST} x or {QUERIES} queries ({SCAN_QUERIES} a scan)")
    return 1 if slow else 0


def most_queries(name: str) -> int:
    return SCAN_QUERIES if name.startswith("scan") else QUERIES


def measured(rows: int, options: argparse.Namespace) -> dict[str, tuple[float, int]]:
    """By page its median milliseconds and its queries."""
    with scratch_database():
        from django.conf import settings

        from common import clock

        settings.STAFF_SECURITY_KEY_REQUIRED = False
        settings.ALLOWED_HOSTS = ["testserver"]
        started = time.perf_counter()
        fill(rows)
        print(
            f"{rows:,} claims and keys in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True
        )
        with clock.reading(lambda: NOW):
            return {name: _time(ask, options) for name, ask in requests(rows).items()}


def _time(ask: Callable[[], Any], options: argparse.Namespace) -> tuple[float, int]:
    ask()
    captured = asked(ask)
    if options.explain:
        slowest = max(captured, key=lambda query: float(query["time"]))
        if float(slowest["time"]) > 0.02:
            print(f"{slowest['time']} s: {slowest['sql'][:700]}", file=sys.stderr)
    took = []
    for _ in range(options.rounds):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1000)
    return median(took), len(of_the_page(captured))


def asked(ask: Callable[[], Any]) -> list[dict[str, str]]:
    """The queries a page makes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as context:
        ask()
    # The log is emptied by the next request.
    return list(context.captured_queries)


def of_the_page(captured: list[dict[str, str]]) -> list[str]:
    """Without marks of transactions and, as for a scan, who asks: session, user and roles."""
    who = ('"django_session"', '"config_user"', '"desk_appointment"')
    marks = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
    said = [query["sql"] for query in captured]
    return [sql for sql in said if not sql.startswith(marks) and not any(name in sql for name in who)]


# ── What is asked for ────────────────────────────────────────────────────────────────────────────────


def requests(rows: int) -> dict[str, Callable[[], Any]]:
    from django.test import Client

    from config.models import User
    from desk.models import Appointment
    from desk.roles import Role

    chief = User.objects.create(username="chief", email="chief@example.org", is_staff=True)
    Appointment.objects.bulk_create(Appointment(user=chief, role=role, appointed_at=NOW) for role in Role)
    client = Client()
    client.force_login(chief)

    def page(path: str) -> Callable[[], Any]:
        def ask() -> Any:
            answer: Any = client.get(f"/desk/{path}")
            assert answer.status_code in (200, 302), (path, answer.status_code)
            return b"".join(answer.streaming_content) if answer.streaming else answer.content

        return ask

    def scan(step: str, text: str) -> Callable[[], Any]:
        numbers = iter(range(10**9))

        def ask() -> Any:
            sent = {"scan": text, "key": f"bench-{step}-{next(numbers)}"}
            return client.post(f"/desk/floor/{step}/scan/", sent, headers={"Accept": "application/json"})

        return ask

    middle = rows // 2
    pages = {path or "today": page(path) for path in PAGES}
    pages |= {f"claims {query}": page(f"claims/?{query}") for query in CLAIMS}
    pages |= {f"audit {query}": page(f"audit/?{query}") for query in AUDIT}
    pages |= {
        "claims, from the middle on": page(f"claims/?after={middle}"),
        "claims in_review, 2nd page": page(f"claims/?state=in_review&after={rows - 100}"),
        "audit, from the middle on": page(
            "audit/?" + urlencode({"after": f"{_at(0.5).isoformat()}~claims~{middle}"})
        ),
        "a claim": page(f"claims/C-{middle}/"),
        "a person": page(f"people/p-{middle}/"),
        "a project": page("projects/project-1/"),
        "a unit": page(f"units/U-{middle}/"),
        "a case": page("cases/K-1/"),
        "search: a name's beginning": page("search/?q=p-1"),
        "search: a project's beginning": page("search/?q=project-1"),
        "search: a claim": page(f"search/?q=C-{middle}"),
        "search: a serial": page(f"search/?q=U-{middle}"),
        "search: a tracking code": page(f"search/?q=T{middle}"),
        "search: nothing there": page("search/?q=nobody-of-this-name"),
        "scan pack: a label": scan("pack", f"S-{rows}"),
        "scan pack: an unknown label": scan("pack", "9400100999999999999999"),
        "scan put-away: a key": scan("put-away", f"U-{rows}"),
        "scan pick: an unknown list": scan("pick", "P-NONE"),
    }
    return pages


PAGES = (
    *("", "claims/", "parcels/", "cases/", "second-names/", "counts/", "stock/", "health/", "programme/"),
    *("programme/words/", "staff/", "audit/", "floor/", "floor/receive/", "floor/pick/", "floor/pack/"),
    *("floor/hand-over/", "cases/?late=1", "parcels/?state=labelled", "parcels/?state=lost"),
)
CLAIMS = (
    *("state=in_review", "state=delivered", "country=US", "country=NZ", "model=KD-A-NFC", "model=KD-OLD"),
    *("wave=1", "wave=10", "policy=first", "policy=second", "days=30", "days=700", "paid=yes", "paid=no"),
    *("problem=case", "problem=held", "state=delivered&country=NZ&policy=first&days=30&model=KD-A-NFC"),
    *("state=in_review&problem=case&wave=10", "state=cancelled&wave=1&paid=yes"),
)
AUDIT = (
    *(
        "actor=staff:robin",
        "actor=nobody",
        "action=reserve",
        "action=destroy",
        "action=rejected",
        "subject=C-77",
    ),
    *("subject=U-77", "source=vault", "since=2022-08-01&until=2022-08-02"),
)


# ── What is there ────────────────────────────────────────────────────────────────────────────────────


def _at(share: float) -> datetime:
    return BEGAN + (NOW - BEGAN) * share


def fill(rows: int) -> None:
    """So many claims and keys, straight into the tables: what is measured is reading them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        with _without_indexes(cursor):
            insert(cursor, rows)
        cursor.execute("VACUUM ANALYZE")


def insert(cursor: Any, rows: int) -> None:
    _few()
    cursor.execute("SET session_replication_role = replica")
    for statement in _statements(rows):
        cursor.execute(statement)
    cursor.execute("SET session_replication_role = origin")


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """Indexes that no constraint needs are made when the tables are full: that is several times quicker."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        " AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
        [LARGE],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    cursor.execute("SET maintenance_work_mem = '1GB'")
    for _, definition in found:
        cursor.execute(definition)


def _few() -> None:
    """What there is little of however large a programme is."""
    from fulfillment.claims.models import Campaign, Wave
    from inventory.default_key_models import KEY_MODELS, ensure_catalogue
    from inventory.models import KeyModel
    from inventory.services.bin_transfers import add_warehouse
    from inventory.services.receiving import receive_stock
    from roster.models import Policy
    from tests.conftest import open_campaign

    campaign = open_campaign(now=BEGAN)
    ensure_catalogue(BEGAN)
    KeyModel.objects.create(**KEY_MODELS[0] | {"sku": "KD-OLD"}, added_at=BEGAN)
    for model in KeyModel.objects.all():
        receive_stock(
            sku=model.sku, lot_reference=f"LOT {model.sku}", quantity=2, actor="staff:ada", now=BEGAN
        )
    add_warehouse(
        code="MAIN", name="Main", bins=["A-01"], quarantine="Q-01", contact_name="Desk", street1="1 Road",
        city="Town", country="US",
    )  # fmt: skip
    for version in ("first", "second"):
        Policy.objects.create(
            version=version, document=campaign.policy.document | {"version": version}, drafted_by="staff:a",
            drafted_at=BEGAN, published_by="staff:b", published_at=BEGAN, effective_at=BEGAN,
            status=Policy.Status.PUBLISHED,
        )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(closes_at=NOW + timedelta(days=30))
    for number in range(1, WAVES + 1):
        Wave.objects.create(
            campaign=campaign, name=f"Wave {number}", cohort={"first_rank": number}, created_by="staff:a",
            invites_at=_at((number - 1) / WAVES), created_at=BEGAN, started_at=_at((number - 1) / WAVES),
        )  # fmt: skip


# Tables that grow with the programme.
LARGE = [
    *("roster_account", "roster_projectrole", "roster_decision", "claims_claim", "claims_claimitem"),
    *("claims_claimevent", "claims_claimquote", "claims_invitation", "inventory_unit", "inventory_movement"),
    *("shipping_shipment", "shipping_labelpurchase", "shipping_shipment_units", "cases_case"),
    *("vault_opening", "notices_notice", "payments_payment", "desk_auditentry", "procrastinate_jobs"),
]


def _statements(rows: int) -> list[str]:
    text = (Path(__file__).parent / "desk_rows.sql").read_text()
    words = {
        "@when": "@began + @span * (n::float / @rows)",
        "@rows": str(rows),
        "@began": f"'{BEGAN.isoformat()}'::timestamptz",
        "@span": f"interval '{(NOW - BEGAN).days} days'",
        "@now": f"'{NOW.isoformat()}'::timestamptz",
    }
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return [statement for statement in text.split(";\n") if "INSERT" in statement]


if __name__ == "__main__":
    sys.exit(main())
