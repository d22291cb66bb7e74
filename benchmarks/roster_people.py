"""A large roster: taken in, against a bare COPY of it; previewed, against the pure rule in a bare loop.

    python -m benchmarks.roster_people [--accounts N] [--roles N] [--part imports|preview]

The COPY fills tables with the same columns, keys and indexes but no checks, triggers or foreign keys. The
bare loop decides facts that are in memory already, under one policy, and keeps nothing. `--part preview`
fills the roster with the same rows by SQL.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.roster_import import scratch_database

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
MOST_TIMES_COPY, MOST_TIMES_LOOP = 6, 2


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accounts", type=int, default=200_000)
    parser.add_argument("--roles", type=int, default=500_000)
    parser.add_argument("--part", choices=["imports", "preview"])
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory, scratch_database():
        print(f"{options.accounts:,} accounts, {options.roles:,} roles", flush=True)
        if options.part == "preview":
            fill(options.accounts, options.roles)
        else:
            taking_in(*write_lists(Path(directory), options.accounts, options.roles))
        if options.part != "imports":
            previewing()


def write_lists(directory: Path, accounts: int, roles: int) -> tuple[Path, Path]:
    """Accounts of all states; roles on a tenth as many projects as there are accounts."""
    projects = max(1, accounts // 10)
    people, held = directory / "accounts.csv", directory / "roles.csv"
    with people.open("w") as file:
        file.write("username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n")
        file.writelines(
            f"m{n},m{n}@example.org,true,2015-01-01T00:00:00Z,{flag(n % 3 == 0)},{flag(n % 5 == 0)},false\n"
            for n in range(accounts)
        )
    pairs = ((n % accounts, (n * 7919 + n // accounts) % projects) for n in range(2 * roles))
    seen: dict[tuple[int, int], None] = {}
    for pair in pairs:
        seen.setdefault(pair)
        if len(seen) == roles:
            break
    with held.open("w") as file:
        file.write("project,username,role,since\n")
        file.writelines(
            f"project-{project},m{account},{'Owner' if account % 2 else 'Maintainer'},2020-01-01\n"
            for account, project in seen
        )
    return people, held


def flag(value: bool) -> str:
    return "true" if value else "false"


def taking_in(accounts: Path, roles: Path) -> None:
    from django.db import connection

    from roster.models import Project
    from roster.services.accounts import import_accounts
    from roster.services.roles import import_roles

    ours = seconds(lambda: import_accounts(path=accounts, actor="bench", now=NOW))
    ours += seconds(lambda: import_roles(path=roles, actor="bench", now=NOW))
    with connection.cursor() as cursor:
        # One project in ten is critical.
        cursor.execute("UPDATE roster_project SET critical_since = %s WHERE id %% 10 = 0", [NOW.date()])
        assert Project.objects.critical().exists()
        bare = 0.0
        for table in ("roster_account", "roster_twofactorobservation", "roster_projectrole"):
            # The rows as they are now, copied into a table of the same columns and indexes.
            cursor.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                rows = b"".join(bytes(block) for block in copy)
            bare += seconds(partial(copy_in, table, rows))
            cursor.execute(f"DROP TABLE bare_{table}")
    print(
        f"taken in: bare COPY {bare:.1f} s; imports {ours:.1f} s "
        f"-> {ours / bare:.1f} x (at most {MOST_TIMES_COPY})",
        flush=True,
    )


def copy_in(table: str, rows: bytes) -> None:
    from django.db import connection

    with connection.cursor() as cursor, cursor.copy(f"COPY bare_{table} FROM STDIN") as copy:
        copy.write(rows)


def fill(accounts: int, roles: int) -> None:
    """The lists of `write_lists` as rows, for a preview that need not wait for their import."""
    from django.db import connection

    projects = max(1, accounts // 10)
    values: dict[str, Any] = {"accounts": accounts, "roles": roles, "projects": projects, "now": NOW}
    with connection.cursor() as cursor:
        for statement in FILL.split(";"):
            cursor.execute(statement, values)


FILL = """
    INSERT INTO roster_account (username, email, email_verified, joined_at, is_organization, has_totp,
        has_webauthn, two_factor_observed_at, country, time_zone, created_at, updated_at)
    SELECT 'm' || n, 'm' || n || '@example.org', true, '2015-01-01Z', false, n %% 3 = 0, n %% 5 = 0,
        %(now)s, '', '', %(now)s, %(now)s
    FROM generate_series(0, %(accounts)s - 1) n;
    INSERT INTO roster_project (normalized_name, name, critical_since)
    SELECT 'project-' || n, 'project-' || n, CASE WHEN n %% 10 = 0 THEN %(now)s::date END
    FROM generate_series(0, %(projects)s - 1) n;
    INSERT INTO roster_projectrole (project_id, account_id, role, since, first_seen_on)
    SELECT (SELECT min(id) FROM roster_project) + (n::bigint * 7919 + n / %(accounts)s) %% %(projects)s,
        (SELECT min(id) FROM roster_account) + n %% %(accounts)s, 'Maintainer', '2020-01-01', %(now)s::date
    FROM generate_series(0, %(roles)s - 1) n
    ON CONFLICT DO NOTHING;
    ANALYZE roster_account, roster_project, roster_projectrole
"""


def previewing() -> None:
    """In one pass over the roster, so that what else the machine does falls on both alike."""
    from fulfillment.claims.roster_facts import facts_of_roster
    from roster.policies import shipped_policy
    from roster.rules import Facts, decide, parse_policy
    from roster.rules.preview import preview_policies

    first, second = (parse_policy(shipped_policy(version)) for version in ("2022-06-21", "2022-08-25"))
    bare = 0.0

    def decided_on_the_way() -> Iterator[Facts]:
        nonlocal bare
        everybody = facts_of_roster(campaign=None, now=NOW)
        while some := list(islice(everybody, 2_000)):
            started = time.perf_counter()
            for facts in some:
                decide(facts, first, NOW)
            bare += time.perf_counter() - started
            yield from some

    started = time.perf_counter()
    found = preview_policies(decided_on_the_way(), current=first, proposed=second, now=NOW)
    ours = time.perf_counter() - started - bare
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"previewed: {found.counts['people']:,} people decided in a bare loop {bare:.1f} s; both policies "
        f"over the roster {ours:.1f} s -> {ours / bare:.2f} x (at most {MOST_TIMES_LOOP}); "
        f"peak {peak:.0f} MiB",
        flush=True,
    )


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
