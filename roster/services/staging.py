"""Staging of imported lists: copied to a temporary table, then merged into the roster with one statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, models

# Fewer new rows than this do not change query plans.
WORTH_IT = 1_000


def stage(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> None:
    """Copy rows into a temporary table that lasts for the transaction, and analyse it.

    Args: columns: name to type, in the order of the rows' values.
    """
    definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({definition}) ON COMMIT DROP")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {table}")
        # What is merged has thousands of rows or few; a join that reads a table per row never pays, and a
        # planner that takes a table for empty would choose it.
        cursor.execute("SET LOCAL enable_nestloop = off")


def drop_staged(*tables: str) -> None:
    """Drop staged tables, so that one transaction can take in several lists."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE {table}")
        cursor.execute("SET LOCAL enable_nestloop = on")


def rows_of(query: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return list(cursor.fetchall())


def apply_change(query: str, params: Mapping[str, Any] | None = None) -> int:
    """Run a statement that changes rows; returns their number."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return int(cursor.rowcount)


def analyze_tables(*tables: type[models.Model], changed: int) -> None:
    """Analyse these tables within the transaction that filled them.

    Autovacuum would do it a minute later. Until then the planner may remember a table as empty that holds
    thousands of rows by now, and reads all of them once for each row of another.
    """
    if changed < WORTH_IT:
        return
    names = ", ".join(connection.ops.quote_name(table._meta.db_table) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {names}")
