from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import operator
from roster.services.projects import rename_project


class Command(KeydeskCommand):
    help = "Record a project's new name: its status is transferred, and both names keep their history."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("project", metavar="PROJECT", help="its name on the roster, in any spelling")
        parser.add_argument("new_name", metavar="NEW_NAME")
        parser.add_argument("--note", default="", help="where it was announced, for the record")

    def run(self, options: Options) -> JsonObject:
        new = rename_project(
            name=options["project"],
            new_name=options["new_name"],
            note=options["note"],
            actor=operator(),
            now=clock.now(),
        )
        return {"renamed": options["project"], "project": new.name, "critical_since": new.critical_since}

    def show(self, document: JsonObject) -> None:
        since = document["critical_since"]
        status = f"critical since {since}" if since else "not critical, as before"
        self.stdout.write(f"{document['renamed']} was renamed to {document['project']}; {status}.")
