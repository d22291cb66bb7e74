"""Tell the planner what an import changed."""

from django.db import connection, models

# Fewer new rows than this change no plan.
WORTH_IT = 1_000


def analyse(*tables: type[models.Model], changed: int) -> None:
    """Have the planner count these tables again, within the transaction that filled them.

    Autovacuum would do it a minute later. Until then the planner may remember a table as empty that holds
    thousands of rows by now, and reads all of them once for each row of another.
    """
    if changed < WORTH_IT:
        return
    names = ", ".join(connection.ops.quote_name(table._meta.db_table) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {names}")
