"""Triggers shared by several apps."""

from typing import Any

import pgtrigger


def append_only(what: str) -> list[pgtrigger.Trigger]:
    """Rows of this table are never changed, deleted or truncated (I7).

    Args: what: names the triggers, as the fact they keep: `openings` gives `openings_stay`.
    """
    return [
        pgtrigger.Protect(name=f"{what}_stay", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name=f"{what}_are_not_truncated",
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            func="RAISE EXCEPTION 'these rows are kept for ever; % is refused', TG_OP;",
        ),
    ]


def immutable(fact: str, *columns: str) -> pgtrigger.Trigger:
    """These columns of a row never change once it is written; an update that merely names one is refused too.

    Args: fact: names the trigger: `price_lists_are_fixed`.
    """
    update: Any = pgtrigger.UpdateOf
    return pgtrigger.Protect(name=fact, operation=update(*columns))
