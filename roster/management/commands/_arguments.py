"""Command-line arguments shared by the roster's commands."""

import argparse
import getpass
from datetime import date
from typing import Any

from roster.services.snapshots import Imported


def a_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write it as 2022-06-30") from None


def a_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def operator() -> str:
    """The actor of a command for the audit log: with the login name, if there is one."""
    try:
        return f"command:{getpass.getuser()}"[:150]
    except (KeyError, OSError):  # a container's user may have no name
        return "command"


def import_document(imported: Imported) -> dict[str, Any]:
    """The result of an import as JSON."""
    snapshot = imported.snapshot
    return {
        "kind": str(snapshot.kind),
        "source": snapshot.source,
        "sha256": snapshot.sha256,
        "rows": snapshot.rows,
        "is_new": imported.is_new,
        "added": imported.added,
        "changed": imported.changed,
        "ended": imported.ended,
        "unchanged": imported.unchanged,
    }


def import_sentence(document: dict[str, Any], noun: str) -> str:
    """The result of an import as a sentence."""
    known = "" if document["is_new"] else " (this file was imported before)"
    changes = ", ".join(
        f"{document[name]} {name}" for name in ("added", "changed", "ended", "unchanged") if document[name]
    )
    return f"{document['rows']} {noun} from {document['source']}{known}: {changes or 'nothing to do'}."
