"""`manage.py count_stock`: count a bin by a file of scans, and settle a count as the second person."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError, InputErrors
from inventory.errors import BadSerials, UnknownBin
from inventory.management.commands.receive_stock import Rows, problems_by_line, read_serials
from inventory.models import Count
from inventory.rules import is_actor
from inventory.services.counts import approve_count, cancel_count, count_bin


class Command(KeydeskCommand):
    help = "Count a bin blind, and list what differs; or settle or cancel such a count."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--bin", metavar="LABEL", help="count this bin, such as MAIN/A-01")
        what.add_argument(
            "--approve", metavar="CODE", help="approve this count, as a different person than the counter"
        )
        what.add_argument("--cancel", metavar="CODE", help="throw this count away")
        parser.add_argument("--serials", type=Path, metavar="FILE", help="with --bin: what was scanned in it")
        parser.add_argument(
            "--reason",
            action="append",
            default=[],
            metavar="SERIAL=REASON",
            help="with --approve: lost, damaged, found, miscounted or data_entry; once for each difference",
        )
        parser.add_argument("--actor", required=True, help="who does it, e.g. staff:ada")

    def run(self, options: Options) -> JsonObject:
        if not is_actor(options["actor"]):
            raise InputError(
                "--actor", "is not of the form staff:name or system:job (and not an email address)."
            )
        by = {"actor": options["actor"], "now": now()}
        if options["bin"]:
            return self._count(options, by)
        code = options["approve"] or options["cancel"]
        if options["cancel"]:
            cancel_count(code=code, **by)
        else:
            approve_count(code=code, reasons=reasons_of(options["reason"]), **by)
        return count_document(Count.objects.get(code=code))

    def _count(self, options: Options, by: dict[str, Any]) -> dict[str, Any]:
        path: Path | None = options["serials"]
        if path is None:
            raise InputError("--serials", "is needed with --bin: the file of what was scanned there.")
        rows: Rows = read_serials(path)
        try:
            return count_document(
                count_bin(bin_label=options["bin"], serials=[serial for _, serial in rows], **by)
            )
        except BadSerials as refusal:
            raise InputErrors(path, problems_by_line(refusal, rows)) from None
        except UnknownBin as refusal:
            raise InputError("--bin", str(refusal)) from None

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"Count {document['code']} of {document['bin']} is {document['state']}.")
        for difference in document["differences"]:
            reason = f": {difference['reason']}" if difference["reason"] else ""
            self.stdout.write(f"  {difference['serial']} {difference['kind']}{reason}")
        if not document["differences"]:
            self.stdout.write("  It agrees with the books.")


def reasons_of(given: list[str]) -> dict[str, str]:
    """Raises: InputError: not of the form SERIAL=REASON."""
    for text in given:
        if "=" not in text:
            raise InputError("--reason", f"{text!r} is not of the form SERIAL=REASON.")
    return dict(text.split("=", 1) for text in given)


def count_document(count: Count) -> dict[str, Any]:
    return {
        "code": count.code,
        "bin": str(count.bin),
        "state": count.state,
        "counted_by": count.counted_by,
        "approved_by": count.approved_by,
        "differences": list(count.differences.order_by("serial").values("serial", "kind", "reason")),
    }
