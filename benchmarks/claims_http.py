"""Claims over HTTP, as a ratio of their own SQL issued bare on the same server in the same run.

    python -m benchmarks.claims_http [--claims N] [--clients N] [--rounds N]

The served application (gunicorn, as deployed) is sent `POST /api/v1/claims` by many clients at once. The
baseline issues the very statements such a request made, recorded one claim a client, by psycopg: all of a
claim in one transaction that is rolled back, so that it can be issued again, and then one small commit, for
the request has one too. Rounds of both alternate. Nothing may be lost or doubled.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.inventory_reserve import scratch_database

AT_LEAST, AT_MOST_P99 = 0.6, 8
NOT_THE_CLAIMS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--claims", type=int, default=320, help="claims in each round")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory, scratch_database():
        people = options.claims * options.rounds + options.clients
        secret = prepare(Path(directory), people=people)
        recorded = [record(secret, number) for number in range(options.clients)]
        measure(secret, recorded, options, first=options.clients)


def prepare(directory: Path, *, people: int) -> str:
    """A roster, a campaign, keys for everybody, and a token; its secret."""
    from django.db import connection

    from api.tokens import SCOPES, create_token
    from tests.conftest import import_roster, open_campaign, receive

    now = datetime.now(UTC).replace(microsecond=0)
    names = [f"m-{number}" for number in range(people)]
    header = "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n"
    import_roster(
        directory,
        now=now,
        accounts=header + "".join(f"{name},{name}@example.org,true,,false,false,false\n" for name in names),
        roles="project,username,role,since\n"
        + "".join(f"keystone-lib,{name},Owner,2014-03-01\n" for name in names),
    )
    open_campaign(now=now)
    receive(now=now, each=people)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("CREATE TABLE bare_commit (id bigserial PRIMARY KEY)")
    return create_token(name="bench", scopes=list(SCOPES), days=1, now=now)[1]


def body_of(number: int) -> bytes:
    return json.dumps(
        {
            "campaign": "keys-2022",
            "maintainer": f"m-{number}",
            "shipping_address": {
                "name": f"Person {number}",
                "street1": f"{number + 1} Main Street",
                "city": "Redmond",
                "state": "WA",
                "postal_code": "98052",
                "country": "US",
            },
        }
    ).encode()


def record(secret: str, number: int) -> list[str]:
    """The statements that one claim by HTTP makes, taken down while it is made and rolled back."""
    from django.db import connection, transaction
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    outer = transaction.atomic()
    # As TestCase does, so that the service's own transaction may be inside of one that is rolled back.
    outer._from_testcase = True  # type: ignore[attr-defined]
    with outer, CaptureQueriesContext(connection) as queries:
        answer = Client(SERVER_NAME="127.0.0.1").post(
            "/api/v1/claims",
            body_of(number),
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert answer.status_code == 201, answer.content[:300]
        transaction.set_rollback(True)
    statements = [str(query["sql"]) for query in queries.captured_queries]
    return [sql for sql in statements if not sql.lstrip().startswith(NOT_THE_CLAIMS)]


def measure(
    secret: str, recorded: Sequence[Sequence[str]], options: argparse.Namespace, *, first: int
) -> None:
    from common.invariants import verify_all
    from fulfillment.claims.models import Claim
    from tests.api.served import gunicorn

    numbers = count(first)
    latencies: list[float] = []
    ratios, rates, bare_rates = [], [], []
    with gunicorn() as port:
        for _ in range(options.rounds):
            bare = _rate(options, lambda client: _issue_bare(recorded[client]))
            ours = _rate(options, lambda _client: _claim(port, secret, numbers, latencies))
            ratios.append(ours / bare)
            rates.append(ours)
            bare_rates.append(bare)
    wanted = options.claims * options.rounds
    made = Claim.objects.filter(state="accepted").values("account").distinct().count()
    assert made == Claim.objects.count() == wanted, f"{wanted} asked for, {made} made"
    found = verify_all()
    assert found.ok, found.violations
    p50, p99 = median(latencies), quantiles(latencies, n=100)[98]
    print(
        f"{wanted:,} claims over HTTP, {options.clients} clients: {median(rates):,.0f} a second; their"
        f" {len(recorded[0])} statements bare {median(bare_rates):,.0f}"
        f" -> {median(ratios):.2f} (at least {AT_LEAST})"
    )
    print(
        f"p50 {p50 * 1000:,.0f} ms, p99 {p99 * 1000:,.0f} ms -> {p99 / p50:.1f} x (at most {AT_MOST_P99});"
        " none lost, none doubled"
    )


def _rate(options: argparse.Namespace, issuer_of: Callable[[int], Callable[[], None]]) -> float:
    """Claims a second when every client makes its share, one after the other."""
    share = options.claims // options.clients
    ready = threading.Barrier(options.clients + 1)
    failures: list[BaseException] = []

    def work(client: int) -> None:
        try:
            issue = issuer_of(client)
            ready.wait()
            for _ in range(share):
                issue()
        except threading.BrokenBarrierError:
            return
        except BaseException as error:
            failures.append(error)
            ready.abort()

    clients = [threading.Thread(target=work, args=(number,)) for number in range(options.clients)]
    for client in clients:
        client.start()
    with suppress(threading.BrokenBarrierError):  # The failure that broke it is raised below.
        ready.wait()
    started = time.perf_counter()
    for client in clients:
        client.join()
    if failures:
        raise failures[0]
    rate: float = share * options.clients / (time.perf_counter() - started)
    return rate


def _claim(port: int, secret: str, numbers: Any, latencies: list[float]) -> Callable[[], None]:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def claim() -> None:
        started = time.perf_counter()
        connection.request("POST", "/api/v1/claims", body_of(next(numbers)), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 201, content[:300]
        latencies.append(time.perf_counter() - started)

    return claim


def _issue_bare(statements: Sequence[str]) -> Callable[[], None]:
    import psycopg
    from django.db import connection

    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "pool", "prepare_threshold"):
        parameters.pop(name, None)
    bare = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)

    def issue() -> None:
        with closing(bare.cursor()) as cursor:
            cursor.execute("BEGIN")
            for statement in statements:
                cursor.execute(statement.encode())
            cursor.execute("ROLLBACK")
            cursor.execute("INSERT INTO bare_commit DEFAULT VALUES")

    return issue


if __name__ == "__main__":
    main()
