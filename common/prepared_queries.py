"""Prepared querysets: SQL compiled once, planned once per connection, and executed many times.

Django compiles a queryset's SQL at each execution, and the database plans it anew. For a row by its key
each takes several times as long as finding the row, and a claim makes some twenty such queries. The queries
of every claim are prepared: the queryset is built at the first call, and later calls only send their values
(decision 0095).
"""

from collections.abc import Callable, Iterable
from copy import copy
from functools import cache, wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models import BooleanField, Expression, Func, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError
from psycopg.sql import Literal

P = ParamSpec("P")
Row = TypeVar("Row")


_written: list[Any] = []


def forget() -> None:
    """Discard all compiled SQL. For tests that replace querysets."""
    for written in _written:
        written.cache_clear()


class Parameter(Expression):
    """Placeholder in a prepared queryset for a value given with each call."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]


class IsAnyOf(Func):
    """`IsAnyOf("account", ids)`: like `account__in=ids`, whose SQL would depend on the number of ids."""

    arity = 2
    arg_joiner = " = ANY("
    template = "%(expressions)s)"
    output_field = BooleanField()


def prepared(build: Callable[P, QuerySet[Any, Row]]) -> Callable[P, list[Row]]:
    """Turn a function that builds a queryset into one that returns its rows.

    Its arguments are keywords: plain values or rows. It may only pass them to the queryset, since
    their values are not known when it is built. Lists need `IsAnyOf`.
    """
    names = signature(build).parameters.keys()

    @cache
    def written() -> tuple[QuerySet[Any, Row], SQLCompiler, str, tuple[str, ...]]:
        stand_ins: dict[str, Any] = {name: Parameter(name) for name in names}
        queryset = build(**stand_ins)  # type: ignore[call-arg]  # by its own names
        compiler: Any = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        places = [parameter.name for parameter in parameters if isinstance(parameter, Parameter)]
        unused = names - set(places)
        assert not unused, f"{build.__qualname__} does nothing with {', '.join(unused)}"
        assert not compiler.has_extra_select, "what it selects is what it gives"
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        compiler.get_converters = lambda _: converters
        return queryset, compiler, _with_constants(sql, parameters), tuple(places)

    _written.append(written)

    @wraps(build)
    def ask(*args: P.args, **values: P.kwargs) -> list[Row]:
        if args or values.keys() != names:
            raise TypeError(f"{build.__qualname__} takes exactly the keywords {', '.join(names)}")
        queryset, compiler, sql, places = written()
        connection = connections[DEFAULT_DB_ALIAS]
        if queryset.query.select_for_update and connection.get_autocommit():
            raise TransactionManagementError("a lock lasts as long as its transaction, and there is none")
        with prepared_cursor() as cursor:
            cursor.execute(sql, [_plain(values[name]) for name in places])
            found = cursor.fetchall()
        # A copy for this call, because connections belong to threads.
        mine: Any = copy(compiler)
        mine.connection = connection
        mine.execute_sql = lambda *_, **__: [found]
        asked: Any = queryset.all()
        asked.query.get_compiler = lambda *_, **__: mine
        return list(asked)

    return ask


def prepared_cursor() -> CursorWrapper:
    """A cursor with server-side parameters, so that a statement is planned once per connection.

    Where statements are logged (DEBUG, tests that count them), an ordinary cursor, which shows their values.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.queries_logged:
        return connection.cursor()
    connection.ensure_connection()
    raw = connection.connection
    usual, raw.cursor_factory = raw.cursor_factory, _PreparingCursor
    try:
        return connection.cursor()
    finally:
        raw.cursor_factory = usual


class _PreparingCursor(ServerBindingCursor):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        raw = cast(Any, self).connection
        # Other cursors prepare nothing: a statement that includes its values hardly repeats.
        raw.prepare_threshold = 0
        try:
            return super().execute(query, params, **options)  # type: ignore[misc]  # psycopg's
        finally:
            raw.prepare_threshold = None


def _with_constants(sql: str, parameters: Iterable[Any]) -> str:
    """Make constants part of the statement, so that the planner can use partial indexes."""
    written = (
        "%s" if isinstance(value, Parameter) else Literal(value).as_string().replace("%", "%%")
        for value in parameters
    )
    return sql.replace("%%", "%%%%") % tuple(written)


def _plain(value: Any) -> Any:
    return getattr(value, "pk", value)
