from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import operator
from roster.services.projects import designate_by_hand


class Command(KeydeskCommand):
    help = "Designate one project as critical for good; the reason is public. It may be new to the roster."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("project", metavar="PROJECT", help="in any spelling")
        parser.add_argument("--reason", required=True, help="the reason; it is public")

    def run(self, options: Options) -> JsonObject:
        made = designate_by_hand(
            name=options["project"], reason=options["reason"], actor=operator(), now=clock.now()
        )
        return {
            "project": made.project.name,
            "critical_since": made.project.critical_since,
            "designated_on": made.designated_on,
            "reason": made.note,
            "designated_by": made.designated_by,
        }

    def show(self, document: JsonObject) -> None:
        self.stdout.write("{project} is critical since {critical_since}: {reason}".format(**document))
