"""Imports into tables that the planner takes for empty, as autovacuum leaves them after a rollback."""

from pathlib import Path

import pytest
from django.db import connection

from roster.models import Account, Project, ProjectRole
from roster.selectors import current_snapshots, facts_about
from roster.services.accounts import import_accounts
from roster.services.designations import designate_critical
from roster.services.downloads import import_downloads
from roster.services.roles import import_roles
from sandbox.synthetic_index import generate_index
from tests.roster.conftest import NOW

TABLES = [model._meta.db_table for model in (Account, Project, ProjectRole)]


@pytest.fixture
def taken_for_empty(db: None) -> None:
    """Pages that held only dead rows: rows a page come to none, however many pages there are by then."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        cursor.execute("UPDATE pg_class SET relpages = 100, reltuples = 0 WHERE relname = ANY(%s)", [TABLES])


@pytest.mark.usefixtures("taken_for_empty")
def test_an_index_comes_in_and_is_read_however_the_planner_was_left(tmp_path: Path) -> None:
    index = generate_index(seed=4, directory=tmp_path, projects=20_000, critical=2_500, maintainers=5_000)
    import_downloads(path=index.downloads, actor="test", now=NOW)
    designate_critical(cohort_size=2_500, actor="test", now=NOW)
    import_accounts(path=index.accounts, actor="test", now=NOW)
    import_roles(path=index.roles, actor="test", now=NOW)
    assert Account.objects.of_critical_projects().count() == 5_000
    assert ProjectRole.objects.live().filter(project__critical_since=None).count() == 0
    assert current_snapshots().roles is not None
    account = Account.objects.of_critical_projects().order_by("pk").first()
    assert account is not None
    assert facts_about(account=account, now=NOW).roles
