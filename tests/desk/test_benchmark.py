"""The benchmark's rows are made by SQL: they must still fit the tables, and every page answer about them."""

import pytest
from django.db import connection

from benchmarks.desk_pages import NOW, insert, requests
from config import clock

ROWS = 400
_COUNT_FROM_ONE = """
    DO $$ DECLARE one regclass; BEGIN
        FOR one IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER SEQUENCE %s RESTART', one);
        END LOOP;
    END $$
"""


@pytest.mark.django_db
def test_its_rows_fit_and_its_pages_answer() -> None:
    with connection.cursor() as cursor:
        # Its rows name each other by number, as in a database of its own.
        cursor.execute(_COUNT_FROM_ONE)
        insert(cursor, ROWS)
    with clock.reading(lambda: NOW):
        for ask in requests(ROWS).values():
            ask()
