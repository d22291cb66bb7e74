"""Health checks and metrics for load balancers, monitoring and people on call.

Each app adds its own in `health.py`: `CHECKS`, and `metrics(now)`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TypedDict

from django.apps import apps
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import clock
from roster.selectors import roster_taken_at

# Procrastinate's workers send a heartbeat every 10 s; three missed in a row mean a failure.
WORKER_SILENCE = timedelta(seconds=30)
# The roster comes daily. Older than this, policies with `roster_fresh` begin to refuse people.
ROSTER_AGE = timedelta(hours=48)


Look = Callable[[datetime], tuple[bool, str]]


@dataclass(frozen=True)
class HealthCheck:
    """One health check. A failed check that is not needed to serve is shown without failing /readyz."""

    name: str
    look: Look
    is_needed: bool = True


class CheckResult(TypedDict):
    """A check's result as /readyz shows it."""

    ok: bool
    needed: bool
    finding: str


@dataclass(frozen=True)
class Sample:
    """One number for Prometheus; labels hold states and reasons, never a public code."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.name}{{{labels}}} {self.value:g}" if labels else f"{self.name} {self.value:g}"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness of the process. Depends on nothing else, so that a slow database does not get it killed."""
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when all needed checks pass, else 503; in both cases with each check's finding."""
    found = check_all(now=clock.now())
    failed = [name for name, check in found.items() if not check["ok"] and check["needed"]]
    degraded = [name for name, check in found.items() if not check["ok"] and not check["needed"]]
    document = {"ok": not failed, "failed": failed, "degraded": degraded, "checks": found}
    return JsonResponse(document, status=503 if failed else 200)


@never_cache
@require_safe
def render_metrics(request: HttpRequest) -> HttpResponse:
    """The checks and every app's numbers as Prometheus reads them. Do not expose it to the internet."""
    now = clock.now()
    found = check_all(now=now)
    samples = [Sample("keydesk_check_ok", check["ok"], {"check": name}) for name, check in found.items()]
    if found["database"]["ok"]:
        for module in _of_apps():
            samples += module.metrics(now)
    text = "".join(f"{sample}\n" for sample in samples)
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def check_all(*, now: datetime) -> Mapping[str, CheckResult]:
    """Run all checks, by name. Without a database the others are skipped."""
    found = {"database": _ask(HealthCheck("database", _database), now)}
    if found["database"]["ok"]:
        checks = [HealthCheck(name, look) for name, look in CHECKS.items()]
        checks += [check for module in _of_apps() for check in module.CHECKS]
        found |= {check.name: _ask(check, now) for check in checks}
    return found


def _of_apps() -> Iterable[ModuleType]:
    for app in apps.get_app_configs():
        if app.name != "config" and find_spec(f"{app.name}.health"):
            yield import_module(f"{app.name}.health")


def _ask(check: HealthCheck, now: datetime) -> CheckResult:
    try:
        ok, finding = check.look(now)
    except DatabaseError as error:
        # Only the type: a driver's message may contain hosts and users.
        ok, finding = False, f"The database refused: {type(error).__name__}."
    return {"ok": ok, "needed": check.is_needed, "finding": finding}


def _database(now: datetime) -> tuple[bool, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True, "The database answers."


def _migrations(now: datetime) -> tuple[bool, str]:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return missing == 0, "All are applied." if missing == 0 else f"{missing} to be applied."


def _worker(now: datetime) -> tuple[bool, str]:
    # Both times are the database's, because the clocks of workers may differ.
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
    hours = round((now - taken_at).total_seconds() / 3600)
    age = f"{hours} hours" if hours < 48 else f"{hours // 24} days"
    if now - taken_at <= ROSTER_AGE:
        return True, f"Taken {age} ago."
    return False, f"Taken {age} ago. Import the index's lists of today (docs/runbook.md)."


CHECKS: Mapping[str, Look] = {
    "migrations": _migrations,
    "worker": _worker,
    "roster": _roster,
}
