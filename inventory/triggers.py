"""Triggers that a session cannot disable.

Triggers rendered by django-pgtrigger first check the setting `pgtrigger.ignore`, which
any session can change with plain SQL. The ledger must not allow that,
so these are registered, migrated and listed by django-pgtrigger, but rendered without it. Their functions
set their own search path: otherwise a temporary table with the name of a ledger table would be found first.
"""

from typing import Any

import pgtrigger
from pgtrigger import compiler


class GuardTriggerSql(compiler.UpsertTriggerSql):
    """SQL of a guard trigger. Migrations refer to it, so a change needs a new class."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}() RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql SET search_path = public, pg_temp;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE TRIGGER {pgid}
                {when} {operation} ON {table}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE FUNCTION {pgid}();

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class LookupTriggerSql(GuardTriggerSql):
    """SQL of a guard trigger whose queries always use an index.

    A session plans a trigger's query once. Planned on an empty table or for a huge
    statement, it would read whole tables from then on.
    """

    def get_template(self) -> str:
        settings = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
        return super().get_template().replace("LANGUAGE plpgsql", f"LANGUAGE plpgsql {settings}")


class GuardTrigger(pgtrigger.Trigger):
    """A trigger that cannot be bypassed."""

    sql_class = GuardTriggerSql

    def compile(self, model: Any) -> compiler.Trigger:
        return compiler.Trigger(
            name=self.name,
            sql=self.sql_class(
                pgid=self.get_pgid(model),
                declare=self.render_declare(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                referencing=self.referencing or "",
                level=self.level,
                condition=self.render_condition(model),
            ),
        )


class LookupTrigger(GuardTrigger):
    """A guard trigger that looks rows up by index."""

    sql_class = LookupTriggerSql


class Refuse(GuardTrigger):
    """Refuse an operation with a message, as an integrity error with the trigger's name."""

    when = pgtrigger.Before

    def __init__(self, *, sentence: str, **kwargs: Any) -> None:
        assert "'" not in sentence
        super().__init__(func=raise_sql(kwargs["name"], sentence), **kwargs)


def raise_sql(constraint: str, sentence: str, *values: str) -> str:
    """PL/pgSQL that raises SQLSTATE 23514 (check violation), which Django turns into an IntegrityError.

    `values` are expressions for the `%` of the message.
    """
    arguments = "".join(f", {value}" for value in values)
    return (
        f"RAISE EXCEPTION '{sentence}'{arguments} USING ERRCODE = 'check_violation', "
        f"CONSTRAINT = '{constraint}', TABLE = TG_TABLE_NAME;"
    )
