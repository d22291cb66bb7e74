"""`manage.py verify`: check every invariant of docs/invariants.md and list the ids of violations."""

from typing import Any, TypedDict

from common import invariants
from common.base_command import JsonObject, KeydeskCommand, Options


class ViolationDocument(TypedDict):
    """One violation in the JSON document."""

    invariant: str
    message: str
    ids: list[str]


class VerifyDocument(TypedDict):
    """The JSON document: records checked per invariant, and every violation."""

    ok: bool
    checked: dict[str, int]
    violations: list[ViolationDocument]


class Command(KeydeskCommand):
    help = "Check every invariant against the database; exit status 1 when one is broken."

    def run(self, options: Options) -> JsonObject:
        verdict = as_document(invariants.verify_all())
        if not verdict["ok"]:
            raise self.fail(dict(verdict), f"{len(verdict['violations'])} violation(s) found.")
        return dict(verdict)

    def show(self, document: dict[str, Any]) -> None:
        for invariant, looked_at in document["checked"].items():
            self.stdout.write(f"{invariant:<4} {looked_at:>10,} checked  {invariants.INVARIANTS[invariant]}")
        for violation in document["violations"]:
            self.stdout.write(
                f"{violation['invariant']} broken: {violation['message']} ({', '.join(violation['ids'])})"
            )
        self.stdout.write(
            "No violations." if document["ok"] else "Violations found; see docs/invariants.md for what to do."
        )


def as_document(verdict: invariants.VerifyResult) -> VerifyDocument:
    """The JSON document, as docs/api.md describes it."""
    return {
        "ok": verdict.ok,
        "checked": verdict.checked,
        "violations": [
            {"invariant": found.invariant, "message": found.message, "ids": list(found.ids)}
            for found in verdict.violations
        ],
    }
