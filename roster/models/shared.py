"""Parts that several tables of the roster share."""

import pgtrigger

ACTOR_LENGTH = 150


def append_only_rows() -> list[pgtrigger.Trigger]:
    """Rows of this table are never changed or deleted (I7)."""
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
