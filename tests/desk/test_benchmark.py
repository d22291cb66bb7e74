"""The benchmark's rows are made by SQL: they must still fit the tables, and every page answer in few queries."""

import pytest
from django.db import connection

from benchmarks.desk_pages import NOW, asked, insert, most_queries, of_the_page, requests
from common import clock

ROWS = 400
_COUNT_FROM_ONE = """
    DO $$ DECLARE one regclass; BEGIN
        FOR one IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER SEQUENCE %s RESTART', one);
        END LOOP;
    END $$
"""


@pytest.mark.django_db
def test_its_rows_fit_and_its_pages_answer_in_few_queries() -> None:
    with connection.cursor() as cursor:
        # Its rows name each other by number, as in a database of its own.
        cursor.execute(_COUNT_FROM_ONE)
        insert(cursor, ROWS)
    with clock.reading(lambda: NOW):
        for name, ask in requests(ROWS).items():
            ask()  # what a first scan makes, and what is cached, is there from then on
            assert len(of_the_page(asked(ask))) <= most_queries(name), name
