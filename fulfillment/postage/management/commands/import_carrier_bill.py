"""Import a carrier invoice: charges for parcels after their labels were bought."""

from dataclasses import asdict
from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.postage.services.carrier_invoices import import_carrier_bill


class Command(KeydeskCommand):
    help = "Import a carrier invoice: CSV or JSON of tracking_code, kind, amount, currency, bill"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path)

    def run(self, options: Options) -> JsonObject:
        return asdict(
            import_carrier_bill(path=options["file"], actor="system:import_carrier_bill", now=clock.now())
        )

    def show(self, document: JsonObject) -> None:
        self.stdout.write(
            f"{document['recorded']:,} charges recorded, {document['known']:,} were already recorded."
        )
