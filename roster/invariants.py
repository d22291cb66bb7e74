"""The roster's checks of I4 and I7."""

from collections.abc import Iterable

from django.db import connection

from common.invariants import Check, Violation
from roster.errors import PolicyError
from roster.models import Decision, Designation, Policy, Project, Snapshot
from roster.rules import parse_policy

# Append-only tables, and the triggers that enforce it.
GUARDS = {
    "roster_snapshot": "append_only",
    "roster_receipt": "append_only",
    "roster_designation": "append_only",
    "roster_twofactorobservation": "append_only",
    "roster_decision": "append_only",
    "roster_policy": "published_never_changes",
    "roster_project": "critical_is_for_ever",
    "roster_projectrole": "ended_not_deleted",
    "roster_projectevent": "project_events_stay",
    "roster_accountevent": "account_events_stay",
    "roster_policypreview": "policy_previews_stay",
    "roster_policyexception": "exceptions_stay",
    "roster_delegation": "delegations_stay",
    "roster_appeal": "appeals_are_answered_once",
}


def published_policies_can_be_read() -> tuple[int, Iterable[Violation]]:
    published = list(Policy.objects.published())
    return len(published), [violation for policy in published for violation in _unreadable(policy)]


def _unreadable(policy: Policy) -> list[Violation]:
    try:
        parse_policy(policy.document)
    except PolicyError as error:
        return [Violation("I4", f"published policy cannot be read: {error}", [policy.version])]
    return []


def decisions_name_published_policies() -> tuple[int, Iterable[Violation]]:
    """Every stored decision was made under a policy published by then."""
    loose = Decision.objects.exclude(policy__status=Policy.Status.PUBLISHED)
    ids = [str(pk) for pk in loose.values_list("pk", flat=True)]
    violations = [Violation("I4", "decisions under a policy that is not published", ids)] if ids else []
    return Decision.objects.count(), violations


def decisions_are_whole() -> tuple[int, Iterable[Violation]]:
    """A decision has the verdict of each rule of its policy, in order, and the matching outcome."""
    decisions = Decision.objects.select_related("policy").only("verdicts", "outcome", "policy__document")
    looked_at, wrong = 0, []
    for decision in decisions.iterator():
        looked_at += 1
        if not _is_whole(decision):
            wrong.append(str(decision.pk))
    return looked_at, [
        Violation("I4", "decisions whose verdicts are not their policy's", wrong)
    ] if wrong else []


def _is_whole(decision: Decision) -> bool:
    outcomes = {verdict["outcome"] for verdict in decision.verdicts}
    outcome = "ineligible" if "fail" in outcomes else "review" if "review" in outcomes else "eligible"
    asked = [rule["rule"] for rule in decision.policy.document["rules"]]
    return outcome == decision.outcome and [verdict["rule"] for verdict in decision.verdicts] == asked


def designations_point_at_their_rows() -> tuple[int, Iterable[Violation]]:
    """Check two keys that the database does not (`Designation`)."""
    lost = Designation.objects.exclude(project__in=Project.objects.critical().values("pk")) | (
        Designation.objects.exclude(snapshot=None).exclude(snapshot__in=Snapshot.objects.values("pk"))
    )
    ids = [str(pk) for pk in lost.values_list("pk", flat=True)]
    violations = (
        [Violation("I7", "designations of projects or snapshots that are not there", ids)] if ids else []
    )
    return Designation.objects.count(), violations


def roster_triggers_are_in_place() -> tuple[int, Iterable[Violation]]:
    """The triggers that refuse changes exist and are enabled; without them a change leaves no trace."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relname = ANY(%s) AND NOT tgisinternal AND tgenabled <> 'D'
            """,
            [list(GUARDS)],
        )
        found = cursor.fetchall()
    missing = [
        f"{table}.{trigger}"
        for table, trigger in GUARDS.items()
        if not any(name == table and guard.startswith(f"pgtrigger_{trigger}_") for name, guard in found)
    ]
    return len(GUARDS), [
        Violation("I7", "append-only tables without their trigger", missing)
    ] if missing else []


CHECKS = [
    Check("I4", "published policies can be read", published_policies_can_be_read),
    Check("I4", "decisions name published policies", decisions_name_published_policies),
    Check("I4", "decisions are whole", decisions_are_whole),
    Check("I7", "designations point at their rows", designations_point_at_their_rows),
    Check("I7", "the roster's append-only tables are guarded", roster_triggers_are_in_place),
]
