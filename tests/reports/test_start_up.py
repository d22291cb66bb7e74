"""What no process loads at its start: the libraries of reports and lists cost more than all the rest."""

import json
import os
import subprocess
import sys

from config.environment import ROOT

HEAVY = ["altair", "duckdb", "numpy", "openpyxl", "pandas", "pyarrow", "vl_convert", "xlsxwriter"]
START = """
import json, sys, django
django.setup()
from django.core.checks import run_checks
from django.urls import get_resolver
from procrastinate.contrib.django import app
assert get_resolver().url_patterns and not run_checks() and app.tasks
print(json.dumps([name for name in json.loads(sys.argv[1]) if name in sys.modules]))
"""


def test_addresses_checks_and_jobs_are_there_without_them() -> None:
    """A web process, a worker and a command, each as far as it comes before its work begins."""
    done = subprocess.run(
        [sys.executable, "-c", START, json.dumps(HEAVY)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
