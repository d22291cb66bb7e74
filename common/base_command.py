"""Base of all management commands: --json, readable messages, and the exit status of docs/api.md."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from common.errors import BadRequest, InputErrors, KeydeskError
from config.environment import BadEnvironment

if TYPE_CHECKING:
    from rich.progress import Progress


class CheckFailed(KeydeskError):
    """The command ran and its answer is no; the document has been printed already."""

    code = "check_failed"


class Steps:
    """A progress bar on a terminal, silence elsewhere."""

    def __init__(self, progress: "Progress | None", task: Any) -> None:
        self._progress, self._task = progress, task

    def advance(self, by: int = 1) -> None:
        if self._progress:
            self._progress.advance(self._task, by)


class KeydeskCommand(BaseCommand):
    """Base of every command. A subclass implements `run`, which returns the JSON document,
    and `show`, which says the same for people.

    Exit status: 0 done; 1 the work failed (KeydeskError); 2 unreadable input (InputErrors) or wrong use
    (BadRequest).
    """

    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document and nothing else to standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._json = bool(options["json"])
        try:
            document = self.run(options)
        except CheckFailed as failure:
            raise CommandError(str(failure), returncode=1) from None
        except (InputErrors, BadRequest) as error:
            raise CommandError(str(error), returncode=2) from None
        except KeydeskError as error:
            raise CommandError(f"{error} [{error.code}]", returncode=1) from None
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}", returncode=1) from None
        except BadEnvironment as error:
            raise CommandError(str(error), returncode=2) from None
        self.emit(document)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do the work and return the document that --json prints."""
        raise NotImplementedError

    def show(self, document: dict[str, Any]) -> None:
        """Print the document for people; by default one line a top-level entry."""
        for name, value in document.items():
            self.stdout.write(f"{name.replace('_', ' ')}: {value}")

    def emit(self, document: dict[str, Any]) -> None:
        if self._json:
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str))
        else:
            self.show(document)

    def fail(self, document: dict[str, Any], sentence: str) -> CheckFailed:
        """Print the document and give the exception that ends the command with status 1."""
        self.emit(document)
        return CheckFailed(sentence)

    def say(self, message: str) -> None:
        """A message that is not the result: to standard error with --json, else to standard output."""
        (self.stderr if self._json else self.stdout).write(message)

    @contextmanager
    def progress(self, total: int | None, label: str) -> Iterator[Steps]:
        """A bar on a terminal while the block runs."""
        if not sys.stderr.isatty():
            yield Steps(None, None)
            return
        # Only a terminal pays for the bar: importing it takes a tenth of a second.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            yield Steps(progress, cast(Any, progress.add_task(label, total=total)))
