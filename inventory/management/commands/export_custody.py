"""`manage.py export_custody SERIAL`: one key's history with its proofs, for check_custody.py."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError
from inventory.errors import UnknownSerial
from inventory.ledger.custody_export import custody_document


class Command(KeydeskCommand):
    help = (
        "Export one key's history with the proofs against the seals. The stand-alone script "
        "inventory/ledger/check_custody.py checks the file anywhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("serial", help="the serial of the key")
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: SERIAL.json")

    def run(self, options: Options) -> JsonObject:
        try:
            document = custody_document(serial=options["serial"], now=now())
        except UnknownSerial as refusal:
            raise InputError("SERIAL", str(refusal)) from None
        path = options["output"] or Path(f"{document['serial']}.json")
        if not options["json"] or options["output"]:
            try:
                path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            except OSError as error:
                raise InputError(path, f"cannot be written: {error.strerror}.") from None
        return {**document, "file": str(path)} if not options["json"] else {**document}

    def show(self, document: dict[str, Any]) -> None:
        sealed = sum(movement["proof"] is not None for movement in document["movements"])
        self.stdout.write(
            f"{document['file']}: {document['serial']}, {document['movement_count']} movements, {sealed} of "
            f"them sealed. Check it with: python3 inventory/ledger/check_custody.py {document['file']}"
        )
