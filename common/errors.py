"""Base errors that users can cause. Programming mistakes are assertions and end in a traceback."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


class KeydeskError(Exception):
    """Base class of refused actions.

    `code` is stable for programs; the message is one or two sentences, the second
    being the remedy. Each app derives its own base class from this one.
    """

    code = "error"


@dataclass(frozen=True)
class Problem:
    """A problem at one place of an input."""

    problem: str
    line: int | None = None
    field: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                f"line {self.line}" if self.line is not None else "",
                f"field {self.field}" if self.field else "",
            )
            if part
        )
        sentence = f"{place}: {self.problem}" if place else self.problem
        return f"{sentence} {self.remedy}" if self.remedy else sentence


class InputErrors(KeydeskError):
    """An invalid file or argument: every problem found, with line and field."""

    code = "bad_input"

    def __init__(self, source: Path | str, problems: Sequence[Problem]) -> None:
        assert problems, "an input error has a problem"
        self.source = str(source)
        self.problems = list(problems)
        super().__init__("\n".join(f"{self.source}: {problem}" for problem in self.problems))


class InputError(InputErrors):
    """One problem with a file or an argument."""

    def __init__(
        self,
        source: Path | str,
        problem: str,
        *,
        line: int | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(source, [Problem(problem, line, field, remedy)])


@dataclass(frozen=True)
class FieldError:
    """An invalid field of a form or an API request."""

    field: str
    code: str
    message: str


@dataclass
class BadRequest(KeydeskError):
    """Invalid fields, all of them at once."""

    errors: list[FieldError] = field(default_factory=list)
    code = "invalid"

    def __str__(self) -> str:
        return "; ".join(f"{error.field}: {error.message}" for error in self.errors)
