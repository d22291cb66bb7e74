"""Collect the errors in a file, so that one run reports more than the first."""

from common.errors import InputErrors, Problem
from roster.files.source import SourceFile

# Enough to recognise the mistake; a wrong column would otherwise fill the screen.
MOST_FAULTS = 20


class FileErrors:
    """The errors found so far in one file."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._problems: list[Problem] = []

    @property
    def enough(self) -> bool:
        """Whether enough errors were found to stop reading."""
        return len(self._problems) >= MOST_FAULTS

    def add(self, problem: str, *, line: int, field: str | None = None, remedy: str | None = None) -> None:
        if not self.enough:
            self._problems.append(Problem(problem, line, field, remedy))
            if self.enough:
                self._problems.append(Problem(f"stopped looking after {MOST_FAULTS} faults."))

    def raise_any(self) -> None:
        """Raises: InputErrors: when there are any."""
        if self._problems:
            raise InputErrors(self._source.path, self._problems)
