from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import operator
from roster.services.import_approvals import approve_list


class Command(KeydeskCommand):
    help = "Let a list in that was held because it shrinks the roster; by another person than imported it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("sha256", help="the digest the import named, or its first 12 letters or more")
        parser.add_argument("--note", default="", help="why it is right")
        parser.add_argument("--as", dest="actor", metavar="NAME", help="who approves; default: who runs this")

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
        self.stdout.write("{source} may come in: import it again.".format(**document))
