"""`manage.py receive_stock`: units of one lot into `available`."""

import csv
import io
from pathlib import Path

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError, InputErrors, Problem
from inventory.barcode_sheets import tag_sheet
from inventory.errors import BadReceipt, BadSerials, SerialSeenBefore, UnknownSku, shorten
from inventory.rules import is_actor
from inventory.selectors import lot_size, newest_tags
from inventory.services.receiving import check_receipt, receive_stock

# Each row is a line number and the serial on that line.
Rows = list[tuple[int, str]]


class Command(KeydeskCommand):
    help = "Receive a delivery of keys into stock, by a file of serials or by quantity."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--sku", required=True, help="the key model, which must exist")
        parser.add_argument("--lot", required=True, help="reference of the lot; a known one gets more units")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--serials",
            type=Path,
            metavar="FILE",
            help="one serial a line, or CSV with a column `serial`; UTF-8",
        )
        what.add_argument("--quantity", type=int, metavar="N", help="so many keys, tagged KD-…")
        parser.add_argument("--supplier", default="", help="who delivered them")
        parser.add_argument("--purchase-order", default="", help="the order they came on")
        parser.add_argument("--firmware", default="", help="the firmware of these keys; recalls go by it")
        parser.add_argument("--expected", type=int, metavar="N", help="how many were to come in this lot")
        parser.add_argument(
            "--dry-run", action="store_true", help="only list every serial that would be refused"
        )
        parser.add_argument(
            "--resume",
            action="store_true",
            help="pass over serials that this lot has already: go on after a stop",
        )
        parser.add_argument(
            "--tags", type=Path, metavar="PDF", help="write a sheet of tags to print, one a key"
        )
        parser.add_argument("--actor", default="system:receive_stock", help="who receives, e.g. staff:ada")

    def run(self, options: Options) -> JsonObject:
        path: Path | None = options["serials"]
        if not is_actor(options["actor"]):
            raise InputError(
                "--actor", "is not of the form staff:name or system:job (and not an email address)."
            )
        rows = read_serials(path) if path else None
        before = lot_size(options["lot"])
        if options["dry_run"]:
            self._check(path, rows or [], options)
            return {"sku": options["sku"], "lot": options["lot"], "received": 0, "refused": 0}
        try:
            with self.progress(None, "Receiving"):
                lot = receive_stock(
                    sku=options["sku"],
                    lot_reference=options["lot"],
                    serials=None if rows is None else [serial for _, serial in rows],
                    quantity=options["quantity"],
                    supplier=options["supplier"],
                    purchase_order=options["purchase_order"],
                    firmware=options["firmware"],
                    expected_quantity=options["expected"],
                    resume=options["resume"],
                    actor=options["actor"],
                    now=now(),
                )
        except (BadSerials, SerialSeenBefore) as refusal:
            raise InputErrors(path or "--quantity", problems_by_line(refusal, rows or [])) from None
        except UnknownSku as refusal:
            raise InputError("--sku", str(refusal)) from None
        except BadReceipt as refusal:
            raise InputError(path or "--lot", str(refusal)) from None
        received = lot_size(lot.reference) - before
        if options["tags"]:
            options["tags"].write_bytes(tag_sheet(newest_tags(lot.reference, received)))
        return {"sku": options["sku"], "lot": lot.reference, "received": received}

    def _check(self, path: Path | None, rows: Rows, options: Options) -> None:
        """Raises: InputErrors: all rows that would be refused."""
        problems = check_receipt(
            serials=[serial for _, serial in rows], lot_reference=options["lot"], resume=options["resume"]
        )
        if problems:
            raise InputErrors(path or "--quantity", problems_by_line(BadSerials(problems), rows))

    def show(self, document: JsonObject) -> None:
        self.stdout.write(f"Received {document['received']:,} of {document['sku']} in lot {document['lot']}.")


def read_serials(path: Path) -> Rows:
    """The serials of a file with their lines; blank lines are left out.

    Raises: InputError: the file cannot be read, is not text, is empty, or has no column `serial`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}.") from None
    try:
        # Spreadsheets begin a file with a byte order mark, which is not part of the first serial.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(path, "is not UTF-8 text.", line=line, remedy="Save it as text or CSV.") from None
    if "\0" in text:
        raise InputError(path, "is a binary file.", remedy="Save it as text or CSV.")
    rows = _rows(path, text)
    if not rows:
        raise InputError(path, "has no serials.")
    return rows


def _rows(path: Path, text: str) -> Rows:
    lines = csv.reader(io.StringIO(text, newline=""))
    found: Rows = []
    column: int | None = None
    try:
        for cells in lines:
            names = [cell.strip().lower() for cell in cells]
            if column is None and "serial" in names:
                column = names.index("serial")
            elif column is None and not found and len(cells) > 1:
                raise InputError(
                    path, "has several columns, but no header with `serial`.", line=lines.line_num
                )
            elif column is None and any(names):
                found.append((lines.line_num, ",".join(cells)))
            elif column is not None and any(names):
                found.append((lines.line_num, cells[column] if column < len(cells) else ""))
    except csv.Error as error:
        raise InputError(path, f"is not readable as CSV: {error}.", line=lines.line_num) from None
    return found


def problems_by_line(refusal: BadSerials | SerialSeenBefore, rows: Rows) -> list[Problem]:
    """Every bad row, in the order of the file."""
    if isinstance(refusal, BadSerials):
        return [
            Problem(f"{shorten(bad.serial)} {bad.problem}.", rows[bad.position][0], "serial")
            for bad in refusal.problems
        ]
    seen = set(refusal.serials)
    return [
        Problem(
            f"{serial.strip().upper()} has been received before.", line, "serial", "Take it off the list."
        )
        for line, serial in rows
        if serial.strip().upper() in seen
    ]
