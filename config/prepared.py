"""Querysets whose SQL is written once and asked many times.

Django writes a queryset's SQL anew whenever it is asked. For a row by its key that takes several times as
long as the database does to find it, and a claim asks for some twenty. What is asked on every claim is
prepared: the queryset is built at the first call, and later calls only put in their values.
"""

from collections.abc import Callable
from copy import copy
from functools import cache, wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import BooleanField, Expression, Func, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

P = ParamSpec("P")
Row = TypeVar("Row")


_written: list[Any] = []


def forget() -> None:
    """Have all SQL written anew. For tests, which put other querysets in the place of ours."""
    for written in _written:
        written.cache_clear()


class Parameter(Expression):
    """Stands in a prepared queryset for a value that each call brings."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]


class IsAnyOf(Func):
    """`IsAnyOf("account", ids)`: as `account__in=ids`, whose SQL would depend on how many there are."""

    arity = 2
    arg_joiner = " = ANY("
    template = "%(expressions)s)"
    output_field = BooleanField()


def prepared(build: Callable[P, QuerySet[Any, Row]]) -> Callable[P, list[Row]]:
    """Turn a function that builds a queryset into one that gives its rows.

    Its arguments are keywords: plain values or rows. It may hand them to the queryset and do nothing else
    with them: what they are is not known when it is built. Lists need `IsAnyOf`.
    """
    names = signature(build).parameters.keys()

    @cache
    def written() -> tuple[QuerySet[Any, Row], SQLCompiler, str, tuple[Any, ...]]:
        stand_ins: dict[str, Any] = {name: Parameter(name) for name in names}
        queryset = build(**stand_ins)  # type: ignore[call-arg]  # by its own names
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        used = {parameter.name for parameter in parameters if isinstance(parameter, Parameter)}
        assert used == set(names), f"{build.__qualname__} does nothing with {set(names) - used}"
        return queryset, compiler, sql, tuple(parameters)

    _written.append(written)

    @wraps(build)
    def ask(*args: P.args, **values: P.kwargs) -> list[Row]:
        if args or values.keys() != names:
            raise TypeError(f"{build.__qualname__} takes exactly the keywords {', '.join(names)}")
        queryset, compiler, sql, parameters = written()
        connection = connections[DEFAULT_DB_ALIAS]
        if queryset.query.select_for_update and connection.get_autocommit():
            raise TransactionManagementError("a lock lasts as long as its transaction, and there is none")
        bound = tuple(
            _plain(values[parameter.name]) if isinstance(parameter, Parameter) else parameter
            for parameter in parameters
        )
        # The copy answers for this call: connections belong to threads.
        mine: Any = copy(compiler)
        mine.connection = connection
        mine.as_sql = lambda *_, **__: (sql, bound)
        asked: Any = queryset.all()
        asked.query.get_compiler = lambda *_, **__: mine
        return list(asked)

    return ask


def _plain(value: Any) -> Any:
    return getattr(value, "pk", value)
