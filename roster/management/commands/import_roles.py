from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import import_document, import_sentence, operator
from roster.services.roles import import_roles


class Command(KeydeskCommand):
    help = "Import roles of accounts on projects (CSV or JSON Lines with project, username, role, since)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, metavar="FILE")

    def run(self, options: Options) -> JsonObject:
        return import_document(import_roles(path=options["file"], actor=operator(), now=clock.now()))

    def show(self, document: JsonObject) -> None:
        self.stdout.write(import_sentence(document, "roles"))
