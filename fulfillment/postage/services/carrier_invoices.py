"""Import carrier invoices: duties, adjustments and compensation after the label was bought."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from common.errors import InputError
from fulfillment.shipments.models import LabelPurchase, ParcelCharge
from fulfillment.shipments.rules.charges import BACK, BILLED, ChargeKind
from roster.files.error_collector import FileErrors
from roster.files.records import records
from roster.files.source import SourceFile, read_source

COLUMNS = ("tracking_code", "kind", "amount", "currency", "bill")
_AMOUNT = re.compile(r"-?\d{1,7}(\.\d{1,2})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_BILL = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,39}")


@dataclass(frozen=True)
class InvoiceLine:
    """One line of an invoice. `cents` in minor units; negative when the carrier pays."""

    line: int
    tracking_code: str
    kind: ChargeKind
    cents: int
    currency: str
    bill: str


@dataclass(frozen=True)
class InvoiceImport:
    """Result of an import: lines recorded, and lines recorded before."""

    recorded: int
    known: int


def import_carrier_bill(*, path: Path, actor: str, now: datetime) -> InvoiceImport:
    """Import an invoice, all or nothing. The same line counts once.

    Raises: InputErrors: problems with line and field, unknown parcels included.
    """
    source = read_source(path)
    return record_invoice(lines=parse_invoice(source), source=source, actor=actor, now=now)


def record_invoice(
    *, lines: Sequence[InvoiceLine], source: SourceFile, actor: str, now: datetime
) -> InvoiceImport:
    """Record lines that have been parsed."""
    codes = {line.tracking_code for line in lines}
    purchases = dict(LabelPurchase.objects.filter(tracking_code__in=codes).values_list("tracking_code", "pk"))
    faults = FileErrors(source)
    for line in lines:
        if line.tracking_code not in purchases:
            faults.add(
                f"we bought no label {line.tracking_code!r}.",
                line=line.line,
                field="tracking_code",
                remedy="Ask the carrier whose parcel that is.",
            )
    faults.raise_any()
    with transaction.atomic(durable=True):
        known = set(
            ParcelCharge.objects.filter(purchase__tracking_code__in=codes).values_list(
                "purchase__tracking_code", "kind", "bill"
            )
        )
        fresh = [line for line in lines if (line.tracking_code, line.kind, line.bill) not in known]
        ParcelCharge.objects.bulk_create(
            [
                ParcelCharge(
                    purchase_id=purchases[line.tracking_code],
                    kind=line.kind,
                    cents=line.cents,
                    currency=line.currency,
                    bill=line.bill,
                    actor=actor,
                    recorded_at=now,
                )
                for line in fresh
            ],
            # The same invoice is being imported concurrently.
            ignore_conflicts=True,
        )
    return InvoiceImport(recorded=len(fresh), known=len(lines) - len(fresh))


def parse_invoice(source: SourceFile) -> list[InvoiceLine]:
    """Parse all lines of an invoice. Raises: InputErrors."""
    faults = FileErrors(source)
    lines: dict[tuple[str, ...], InvoiceLine] = {}
    for number, record in records(source, COLUMNS):
        line = _line(number, record, faults)
        if line is not None:
            key = (line.tracking_code, line.kind, line.bill)
            first = lines.setdefault(key, line)
            if first is not line:
                faults.add(
                    f"line {first.line} of this bill charges the parcel for that already.",
                    line=number,
                    field="kind",
                    remedy="Add the two up.",
                )
        if faults.enough:
            break
    faults.raise_any()
    if not lines:
        raise InputError(source.path, "there is not a single line in it.", line=1, remedy="Export it again.")
    return list(lines.values())


def _line(number: int, record: dict[str, object], faults: FileErrors) -> InvoiceLine | None:
    texts = {column: str(record[column]).strip() for column in COLUMNS}
    cents = _cents(texts["amount"])
    if not re.fullmatch(r"[A-Za-z0-9]{1,60}", texts["tracking_code"]):
        faults.add("not a valid tracking code.", line=number, field="tracking_code")
    elif texts["kind"] not in BILLED:
        kinds = ", ".join(sorted(BILLED))
        faults.add("not a kind of charge.", line=number, field="kind", remedy=f"Write one of {kinds}.")
    elif cents is None:
        faults.add("not a valid amount.", line=number, field="amount", remedy="Write it like 12.34.")
    elif not _fits(texts["kind"], cents):
        faults.add("what was paid to us is negative, what we paid is positive.", line=number, field="amount")
    elif not _CURRENCY.fullmatch(texts["currency"]):
        faults.add("not a currency.", line=number, field="currency", remedy="Write it like USD.")
    elif not _BILL.fullmatch(texts["bill"]):
        faults.add("not an invoice number.", line=number, field="bill")
    else:
        kind = ChargeKind(texts["kind"])
        return InvoiceLine(number, texts["tracking_code"], kind, cents, texts["currency"], texts["bill"])
    return None


def _fits(kind: str, cents: int) -> bool:
    """Whether the sign fits the kind: duties are costs, compensation is income, adjustments either."""
    return cents != 0 if kind == ChargeKind.ADJUSTMENT else (cents < 0 if kind in BACK else cents > 0)


def _cents(text: str) -> int | None:
    """Parse an amount with at most two decimals into minor units; None for anything else."""
    if not _AMOUNT.fullmatch(text):
        return None
    return int(Decimal(text) * 100)
