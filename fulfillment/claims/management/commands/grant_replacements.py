"""`manage.py grant_replacements CODE`: one replacement claim for everyone who has a recalled key."""

from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError
from fulfillment.claims.services.recalls import grant_replacements
from inventory.errors import UnknownDocument
from inventory.rules import is_actor


class Command(KeydeskCommand):
    help = "Replace every key of a recall that has left the building, once each, however often it is run."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("recall", help="the code of the open recall")
        parser.add_argument("--actor", required=True, help="who grants it, e.g. staff:ada")

    def run(self, options: Options) -> JsonObject:
        if not is_actor(options["actor"]):
            raise InputError("--actor", "is not of the form staff:name or system:job (and no mail address).")
        with self.progress(None, "Granting"):
            try:
                granted = grant_replacements(recall_code=options["recall"], actor=options["actor"], now=now())
            except UnknownDocument as refusal:
                raise InputError("RECALL", str(refusal)) from None
        return vars(granted)

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{len(document['granted'])} replacement claims granted for {document['recall']}.")
        for title, key in (
            ("replaced before", "replaced_before"),
            ("asked for an address", "without_address"),
            ("back in line for other keys", "back_in_line"),
            ("in closed parcels, stop them by hand", "packed"),
        ):
            if document[key]:
                self.stdout.write(f"  {title}: {', '.join(document[key])}")
