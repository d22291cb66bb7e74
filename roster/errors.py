"""Errors of the roster."""

from collections.abc import Sequence
from datetime import date

from common.errors import KeydeskError, Problem


class RosterError(KeydeskError):
    code = "roster_error"


class DocumentError(RosterError):
    """An invalid JSON document: every problem, with its field."""

    what = "document"

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "a document error has a problem"
        self.problems = list(problems)
        super().__init__("; ".join(f"{self.what}: {problem}" for problem in self.problems))


class PolicyError(DocumentError):
    code = "bad_policy"
    what = "policy"


class FactsError(DocumentError):
    code = "bad_facts"
    what = "facts"


class NoDownloads(RosterError):
    """No download list has been imported."""

    code = "no_downloads"

    def __init__(self) -> None:
        super().__init__("No download list has been imported yet. Run import_downloads first.")


class CohortTooLarge(RosterError):
    """The download list is shorter than the cohort."""

    code = "cohort_too_large"

    def __init__(self, *, cohort_size: int, listed: int, kept: int | None = None) -> None:
        self.cohort_size, self.listed = cohort_size, listed
        names = f"names only {listed}" if kept is None else f"of {listed} is kept only down to rank {kept}"
        remedy = "Import a longer list or ask" if kept is None else "Ask"
        super().__init__(
            f"The cohort has {cohort_size} projects, but the download list {names}. "
            f"{remedy} for a smaller cohort."
        )


class PolicyAlreadyPublished(RosterError):
    """This version is published with different rules or another time; published versions never change."""

    code = "policy_already_published"

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(
            f"Policy {version} is already published and never changes. Publish new rules as a new version."
        )


class PolicyNotPublished(RosterError):
    """Decisions are recorded under published policies only."""

    code = "policy_not_published"

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"Policy {version} is a draft. Publish it before decisions are recorded under it.")


class SnapshotWindowDiffers(RosterError):
    """The same download list was imported before, for different days."""

    code = "snapshot_window_differs"

    def __init__(self, *, source: str, start: date | None, end: date | None) -> None:
        recorded = f"{start} to {end}" if start else "no window"
        super().__init__(
            f"{source} was imported before with {recorded}. Check which is right; snapshots are not changed."
        )


class UnknownPolicy(RosterError):
    """No policy has this version."""

    code = "unknown_policy"

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no policy {version}.")


class PolicyNotPreviewed(RosterError):
    """The draft has not been previewed in its current form."""

    code = "policy_not_previewed"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"Policy {version} has not been previewed as it is now. Draft it and preview it, then publish."
        )


class SecondPersonNeeded(RosterError):
    """The person who started an action may not approve it."""

    code = "self_approval"

    def __init__(self, what: str) -> None:
        super().__init__(f"You started this yourself; a second person must put their name to {what}.")


class AlreadyAsked(RosterError):
    """An identical request is waiting for an answer."""

    code = "already_asked"

    def __init__(self, what: str) -> None:
        super().__init__(f"You have asked for {what} already; it waits for an answer.")


class UnknownRecord(RosterError):
    """The record does not exist, belongs to someone else, or is closed."""

    code = "unknown_paper"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what}.")


class DelegationRefused(RosterError):
    """A person cannot be named for a project; `why` is the reason."""

    code = "delegation_refused"

    def __init__(self, why: str, message: str) -> None:
        self.why = why
        super().__init__(message)


class ListHeld(RosterError):
    """A list would shrink the roster beyond the limit; it waits for a second person's approval."""

    code = "list_held"

    def __init__(self, *, source: str, sha256: str, kind: str, rows: int, rows_before: int) -> None:
        self.sha256, self.rows, self.rows_before = sha256, rows, rows_before
        super().__init__(
            f"{source} was held, and the roster stays as it is: it has {rows} {kind} where there are "
            f"{rows_before} now. If that is right, have a second person run "
            f"`manage.py approve_list {sha256[:12]}`, then import it again."
        )


class UnknownProject(RosterError):
    """The project is not on the roster."""

    code = "unknown_project"

    def __init__(self, name: str) -> None:
        super().__init__(f"The roster knows no project {name!r}.")
