import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputErrors
from roster.errors import DocumentError
from roster.files.json_documents import read_document
from roster.rules import decide, parse_facts, parse_policy

T = TypeVar("T")


class Command(KeydeskCommand):
    help = "Apply a policy file to a facts file. Needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--policy", type=Path, required=True, metavar="FILE", help="the rules, as JSON")
        parser.add_argument(
            "--facts",
            type=Path,
            required=True,
            metavar="FILE",
            help="the facts, as JSON; `now` defaults to the current time",
        )

    def run(self, options: Options) -> JsonObject:
        policy = self._read(options["policy"], parse_policy)
        facts = self._read(options["facts"], parse_facts)
        return dict(decide(facts, policy, facts.now or clock.now()).as_document())

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{document['outcome']} under policy {document['policy']}")
        for verdict in document["verdicts"]:
            self.stdout.write(f"{verdict['outcome']:>8}  {verdict['rule']}: {verdict['reason']}")
            if verdict["outcome"] != "pass":
                self.stdout.write(f"{'':8}  {verdict['remedy']}")
            self.stdout.write(f"{'':8}  evidence: {json.dumps(verdict['evidence'], ensure_ascii=False)}")

    def _read(self, path: Path, parse: Callable[[object], T]) -> T:
        document = read_document(path)
        try:
            return parse(document)
        except DocumentError as error:
            raise InputErrors(path, error.problems) from None
