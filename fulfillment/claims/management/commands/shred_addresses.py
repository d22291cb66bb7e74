"""`manage.py shred_addresses`: destroy addresses past their date."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.claims.services.retention import addresses_due, shred_due_addresses, shred_due_households


class Command(KeydeskCommand):
    help = (
        "Shred addresses past their date, as a job does every night. Shredded addresses cannot be recovered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than-days",
            type=int,
            metavar="N",
            help="also shred addresses whose parcel arrived N days ago or earlier, even before their date",
        )
        parser.add_argument("--dry-run", action="store_true", help="list the claims, and change nothing")

    def run(self, options: Options) -> JsonObject:
        now = clock.now()
        days = options["older_than_days"]
        if days is not None and days < 0:
            raise CommandError("--older-than-days: must be 0 or more.", returncode=2)
        older_than = None if days is None else timedelta(days=days)
        due = addresses_due(now=now, older_than=older_than)
        if options["dry_run"]:
            return {"dry_run": True, "shredded": 0, "due": due, "campaigns": []}
        return {
            "dry_run": False,
            "shredded": shred_due_addresses(now=now, older_than=older_than),
            "due": due,
            "campaigns": shred_due_households(now=now),
        }

    def show(self, document: dict[str, Any]) -> None:
        if document["dry_run"]:
            self.stdout.write(f"{len(document['due'])} addresses are due for shredding.")
            for code in document["due"]:
                self.stdout.write(f"  {code}")
            return
        self.stdout.write(f"{document['shredded']} addresses shredded.")
        for slug in document["campaigns"]:
            self.stdout.write(f"The household key of campaign {slug} was destroyed.")
