"""Errors of case actions."""

from common.errors import KeydeskError
from inventory.errors import shorten


class CaseError(KeydeskError):
    """An action on a case was rejected. Nothing has changed."""

    code = "case"


class UnknownCase(CaseError):
    code = "unknown_case"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no open case {shorten(code)}. It may have been closed; reload the list.")


class CaseTaken(CaseError):
    code = "case_taken"

    def __init__(self, code: str, owner: str) -> None:
        self.owner = owner
        super().__init__(f"{owner} is working on case {code}. Leave it to them, or take it over.")


class ActionNotAvailable(CaseError):
    """The action is not available for cases with this reason."""

    code = "not_in_the_playbook"

    def __init__(self, code: str, action: str, reason: str) -> None:
        super().__init__(f"“{action}” is not available for case {code} ({reason}).")


class BadCaseData(CaseError):
    """A value that the action needs is missing or invalid."""

    code = "bad_case_data"

    def __init__(self, field: str, remedy: str) -> None:
        self.field = field
        super().__init__(remedy)
