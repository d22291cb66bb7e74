"""Triggers that a session cannot talk out of firing.

Every trigger that django-pgtrigger writes starts by asking the setting `pgtrigger.ignore` whether to
do nothing, and any session may change that setting with plain SQL. A ledger cannot have such a door,
so these are registered, migrated and listed by django-pgtrigger, but rendered without it. Their functions
have a search path of their own: a temporary table by the name of a ledger table would be looked up first.
"""

from typing import Any

import pgtrigger
from pgtrigger import compiler


class GuardTriggerSql(compiler.UpsertTriggerSql):
    """The SQL of a guard. Migrations refer to it: a change needs a new class, not an edit."""

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
    """A guard whose queries look rows up by index, one or a hundred thousand of them.

    A session plans a trigger's query once. Planned at its first call on an empty table or for a huge
    statement, the plan would read whole tables ever after.
    """

    def get_template(self) -> str:
        settings = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
        return super().get_template().replace("LANGUAGE plpgsql", f"LANGUAGE plpgsql {settings}")


class GuardTrigger(pgtrigger.Trigger):
    """A trigger without the way round it."""

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
    """A guard that looks rows up by index."""

    sql_class = LookupTriggerSql


class Refuse(GuardTrigger):
    """Refuse an operation with a sentence, as an integrity error that carries the guard's name."""

    when = pgtrigger.Before

    def __init__(self, *, sentence: str, **kwargs: Any) -> None:
        assert "'" not in sentence
        super().__init__(func=raise_sql(kwargs["name"], sentence), **kwargs)


def raise_sql(constraint: str, sentence: str, *values: str) -> str:
    """The plpgsql that refuses: SQLSTATE 23514 (check violation), so that Django sees an IntegrityError.

    `values` are expressions for the `%` of the sentence.
    """
    arguments = "".join(f", {value}" for value in values)
    return (
        f"RAISE EXCEPTION '{sentence}'{arguments} USING ERRCODE = 'check_violation', "
        f"CONSTRAINT = '{constraint}', TABLE = TG_TABLE_NAME;"
    )
