"""Shared parts of the roster's models."""

import pgtrigger

ACTOR_LENGTH = 150


def append_only_rows() -> list[pgtrigger.Trigger]:
    """Trigger that makes a table append-only (I7)."""
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
