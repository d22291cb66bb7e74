from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import operator
from roster.services.import_approvals import approve_list


class Command(KeydeskCommand):
    help = "Approve a list that was held because it shrinks the roster. Another person than the importer."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "sha256", help="the digest from the import's message, or at least its first 12 characters"
        )
        parser.add_argument("--note", default="", help="why the list is correct")
        parser.add_argument(
            "--as", dest="actor", metavar="NAME", help="who approves; default: the user who runs this"
        )

    def run(self, options: Options) -> JsonObject:
        held = approve_list(
            sha256=options["sha256"],
            note=options["note"],
            actor=options["actor"] or operator(),
            now=clock.now(),
        )
        return {
            "kind": held.kind,
            "source": held.source,
            "sha256": held.sha256,
            "rows": held.rows,
            "rows_before": held.rows_before,
            "approved_by": held.approved_by,
        }

    def show(self, document: JsonObject) -> None:
        self.stdout.write("{source} is approved. Import it again.".format(**document))
