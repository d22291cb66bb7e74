"""Base of all management commands: --json, readable messages, and the exit status of docs/api.md."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from common.errors import BadRequest, InputErrors, KeydeskError
from config.environment import BadEnvironment

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


# The options of a command as argparse parsed them, by the name of their destination.
Options = dict[str, Any]
# A document with JSON's types, as --json prints it.
JsonObject = dict[str, object]


class CheckFailed(KeydeskError):
    """The command ran and found a problem; the document has already been printed."""

    code = "check_failed"


class Steps:
    """A progress bar on a terminal; silent elsewhere."""

    def __init__(self, progress: "Progress | None", task: "TaskID | None") -> None:
        self._progress, self._task = progress, task

    def advance(self, by: int = 1) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, by)


class KeydeskCommand(BaseCommand):
    """Base of every command. A subclass implements `run`, which returns the JSON document,
    and `show`, which prints the same for people.

    Exit status: 0 success; 1 the work failed (KeydeskError); 2 unreadable input (InputErrors) or incorrect
    usage (BadRequest).
    """

    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document and nothing else to standard output"
        )

    def handle(self, *args: object, **options: Any) -> None:
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

    def run(self, options: Options) -> JsonObject:
        """Do the work and return the document that --json prints."""
        raise NotImplementedError

    def show(self, document: JsonObject) -> None:
        """Print the document for people; by default one line for each top-level entry."""
        for name, value in document.items():
            self.stdout.write(f"{name.replace('_', ' ')}: {value}")

    def emit(self, document: JsonObject) -> None:
        if self._json:
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str))
        else:
            self.show(document)

    def fail(self, document: JsonObject, sentence: str) -> CheckFailed:
        """Print the document and return the exception that ends the command with status 1."""
        self.emit(document)
        return CheckFailed(sentence)

    def say(self, message: str) -> None:
        """Print a message that is not the result: to standard error with --json, else to standard output."""
        (self.stderr if self._json else self.stdout).write(message)

    @contextmanager
    def progress(self, total: int | None, label: str) -> Iterator[Steps]:
        """Show a progress bar on a terminal while the block runs."""
        if not sys.stderr.isatty():
            yield Steps(None, None)
            return
        # Imported only on a terminal: the import takes a tenth of a second.
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
            yield Steps(progress, progress.add_task(label, total=total))
