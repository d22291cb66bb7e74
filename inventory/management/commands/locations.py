"""`manage.py locations`: sync warehouses and their bins with a file, or list them."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError, InputErrors, Problem
from inventory.errors import BadLocation
from inventory.selectors import locations
from inventory.services.locations import read_location, upsert_location


class Command(KeydeskCommand):
    help = "Sync warehouses, their ship-from addresses and bins with a JSON file; without one, list them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            help="a JSON list of warehouses: code, name, bins, quarantine (lists), contact_name, company, "
            "street1, street2, city, state, postal_code, country, phone. Apply it as often as you like: "
            "what is there already stays",
        )

    def run(self, options: Options) -> JsonObject:
        path: Path | None = options["file"]
        changed = [] if path is None else self._keep(path)
        return {"changed": changed, "warehouses": locations()}

    def _keep(self, path: Path) -> list[dict[str, Any]]:
        problems: list[Problem] = []
        changed = []
        with transaction.atomic():
            for number, given in enumerate(_read(path), start=1):
                try:
                    kept = upsert_location(read_location(given))
                except BadLocation as refusal:
                    problems += [
                        Problem(problem, field=f"{number}.{name}") for name, problem in refusal.problems
                    ]
                else:
                    changed.append(
                        {"code": kept.warehouse.code, "is_new": kept.is_new, "bins_added": kept.bins_added}
                    )
            if problems:
                raise InputErrors(path, problems)
        return changed

    def show(self, document: dict[str, Any]) -> None:
        for warehouse in document["warehouses"]:
            named = ", ".join(warehouse[name] for name in ("name", "city", "country"))
            self.stdout.write(f"{warehouse['code']}  {named}")
            bins = [*warehouse["bins"], *(f"{bin} (quarantine)" for bin in warehouse["quarantine"])]
            self.stdout.write(f"    {', '.join(bins) or 'no bins'}")
        if not document["warehouses"]:
            self.stdout.write("There are no warehouses yet. Give a file: see --help.")


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(path, f"is not JSON: {error}") from None
    rows = document if isinstance(document, list) else [document]
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(path, "must be a list of warehouses, each an object.")
    return rows
