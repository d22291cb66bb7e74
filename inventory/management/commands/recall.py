"""`manage.py recall`: hold recalled keys in stock, list who has the others, and lift the recall."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError
from inventory.errors import BadCriteria
from inventory.management.commands.receive_stock import read_serials
from inventory.models import Recall
from inventory.rules import Criteria, is_actor
from inventory.selectors import recall_reach
from inventory.services.recalls import lift_recall, open_recall, recalled_units


class Command(KeydeskCommand):
    help = "Recall keys by what they have in common: stock is held before the next pick, holders are counted."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--sku", default="", help="of this key model")
        parser.add_argument("--lot", default="", help="of this lot")
        parser.add_argument("--firmware-from", default="", help="of this firmware or later")
        parser.add_argument("--firmware-to", default="", help="of this firmware or earlier")
        parser.add_argument("--aaguid", default="", help="of the key models with this AAGUID")
        parser.add_argument("--serials", type=Path, metavar="FILE", help="these keys")
        parser.add_argument("--why", help="what is wrong with them; needed to open a recall")
        parser.add_argument("--dry-run", action="store_true", help="only count what it would be of")
        parser.add_argument(
            "--lift",
            metavar="CODE",
            help="lift this recall, as a different person than the one who opened it",
        )
        parser.add_argument("--actor", required=True, help="who does it, e.g. staff:ada")

    def run(self, options: Options) -> JsonObject:
        if not is_actor(options["actor"]):
            raise InputError(
                "--actor", "is not of the form staff:name or system:job (and not an email address)."
            )
        by = {"actor": options["actor"], "now": now()}
        if options["lift"]:
            lift_recall(code=options["lift"], **by)
            return recall_document(Recall.objects.get(code=options["lift"]))
        criteria = criteria_of(options)
        if problems := criteria.problems():
            raise InputError("recall", str(BadCriteria(problems)))
        if options["dry_run"]:
            return {"code": None, "affected": recalled_units(criteria).count()}
        if not options["why"]:
            raise InputError("--why", "is required: enter what is wrong with these keys.")
        return recall_document(open_recall(criteria=criteria, why=options["why"], **by).recall)


def criteria_of(options: Options) -> Criteria:
    path: Path | None = options["serials"]
    return Criteria(
        sku=options["sku"],
        lot=options["lot"],
        firmware_from=options["firmware_from"],
        firmware_to=options["firmware_to"],
        aaguid=options["aaguid"],
        serials=tuple(serial.strip().upper() for _, serial in read_serials(path)) if path else (),
    )


def recall_document(recall: Recall) -> dict[str, Any]:
    return {
        "code": recall.code,
        "why": recall.why,
        "lifted": recall.lifted_at is not None,
        "affected": recall.units.count(),
        **vars(recall_reach(recall)),
    }
