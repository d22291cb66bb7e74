"""`manage.py grant_replacements CODE`: a replacement claim for everyone who has a recalled key."""

from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError
from fulfillment.claims.services.recalls import grant_replacements
from inventory.errors import UnknownDocument
from inventory.rules import is_actor


class Command(KeydeskCommand):
    help = "Replace every key of a recall that has left the warehouse, once each. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("recall", help="the code of the open recall")
        parser.add_argument("--actor", required=True, help="who grants the replacements, such as staff:ada")

    def run(self, options: Options) -> JsonObject:
        if not is_actor(options["actor"]):
            raise InputError(
                "--actor", "must be of the form staff:name or system:job, without an email address."
            )
        with self.progress(None, "Granting"):
            try:
                granted = grant_replacements(recall_code=options["recall"], actor=options["actor"], now=now())
            except UnknownDocument as refusal:
                raise InputError("RECALL", str(refusal)) from None
        return vars(granted)

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{len(document['granted'])} replacement claims granted for {document['recall']}.")
        for title, key in (
            ("already replaced", "replaced_before"),
            ("asked for an address", "without_address"),
            ("back on the waitlist for other keys", "back_in_line"),
            ("in sealed parcels, to be stopped manually", "packed"),
        ):
            if document[key]:
                self.stdout.write(f"  {title}: {', '.join(document[key])}")
