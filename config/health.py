"""Whether this process lives, and whether it can serve: what load balancers and people on call ask."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import clock
from roster.selectors import roster_taken_at

# Procrastinate's workers say they live every 10 s; three silences in a row are one too many.
WORKER_SILENCE = timedelta(seconds=30)
# The roster comes daily. Older than this, policies with `roster_fresh` begin to refuse people.
ROSTER_AGE = timedelta(hours=48)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nobody else, so that a slow database does not get it killed."""
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when all checks pass, else 503; either way with each check's finding."""
    found = check_all(now=clock.now())
    ok = all(check["ok"] for check in found.values())
    failed = [name for name, check in found.items() if not check["ok"]]
    return JsonResponse({"ok": ok, "failed": failed, "checks": found}, status=200 if ok else 503)


def check_all(*, now: datetime) -> Mapping[str, dict[str, Any]]:
    """The finding of every check by name. Without a database the others are not asked."""
    found = {"database": _ask(_database, now)}
    if found["database"]["ok"]:
        found |= {name: _ask(check, now) for name, check in CHECKS.items()}
    return found


def _ask(check: Callable[[datetime], tuple[bool, str]], now: datetime) -> dict[str, Any]:
    try:
        ok, finding = check(now)
    except DatabaseError as error:
        # The type only: a driver's message may name hosts and users.
        ok, finding = False, f"The database refused: {type(error).__name__}."
    return {"ok": ok, "finding": finding}


def _database(now: datetime) -> tuple[bool, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True, "The database answers."


def _migrations(now: datetime) -> tuple[bool, str]:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return missing == 0, "All are applied." if missing == 0 else f"{missing} to be applied."


def _worker(now: datetime) -> tuple[bool, str]:
    # Both times are the database's: a worker on another machine may read its clock differently.
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers")
        (silence_s,) = cursor.fetchone()
    if silence_s is None:
        return False, "No worker runs."
    return silence_s <= WORKER_SILENCE.total_seconds(), f"Last heard of {max(0, round(silence_s))} s ago."


def _roster(now: datetime) -> tuple[bool, str]:
    taken_at = roster_taken_at()
    if taken_at is None:
        return False, "No roster was ever imported."
    hours = (now - taken_at).total_seconds() / 3600
    return now - taken_at <= ROSTER_AGE, f"Taken {hours:.1f} h ago."


CHECKS: Mapping[str, Callable[[datetime], tuple[bool, str]]] = {
    "migrations": _migrations,
    "worker": _worker,
    "roster": _roster,
}
