"""Run a rehearsal in a separate process, with its own database and the stand-ins only."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from sandbox.rehearsal import databases
from sandbox.server import Sandbox

# The stand-in signs with it, so only its webhooks are accepted.
STRIPE_WEBHOOK_SECRET = "whsec_keydesk-stand-in"  # noqa: S105


@dataclass(frozen=True)
class Result:
    """Exit status and output of the process."""

    status: int
    output: str


def environment(*, database: str, vendor: Sandbox) -> dict[str, str]:
    """Environment variables of a process that rehearses, or serves a rehearsed programme."""
    return {
        **os.environ,
        **databases.environment_for(database),
        "EASYPOST_MODE": "test",
        "EASYPOST_API_KEY": "EZTKkeydesk-stand-in",
        "EASYPOST_API_BASE": vendor.easypost_url,
        "STRIPE_MODE": "test",
        "STRIPE_SECRET_KEY": "sk_test_keydesk-stand-in",
        "STRIPE_API_BASE": vendor.stripe_url,
        "STRIPE_WEBHOOK_SECRETS": STRIPE_WEBHOOK_SECRET,
    }


def run_in_process(
    *,
    database: str,
    vendor: Sandbox,
    seed: int,
    keys: int,
    maintainers: int,
    weeks: int,
    start: datetime,
    downloads: Path | None = None,
    faults: str = "none",
) -> Result:
    """Run `run_rehearsal`. Its messages and progress go to this process's standard error."""
    # The middleware for static files warns if the directory does not exist.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        str(settings.BASE_DIR / "manage.py"),
        "run_rehearsal",
        f"--seed={seed}",
        f"--keys={keys}",
        f"--maintainers={maintainers}",
        f"--weeks={weeks}",
        f"--start={start.isoformat()}",
        f"--vendor={vendor.url}",
        f"--faults={faults}",
        *([f"--downloads={downloads}"] if downloads else []),
        "--json",
    ]
    # As in production, but webhooks come over loopback only and email is discarded.
    variables = {
        **environment(database=database, vendor=vendor),
        "DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "MAIL_URL": "memory",
    }
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    return Result(done.returncode, done.stdout)
