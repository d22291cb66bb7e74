"""Reports as plain text for a terminal, at most 80 columns wide."""

from collections.abc import Iterator, Sequence

from reports.documents import RedemptionReport
from reports.metrics import STEPS
from reports.tables import Report, Table, column_in_words

_BAR_WIDTH = 22
# Characters that fill a cell by eighths.
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def render_text(report: RedemptionReport) -> str:
    """The redemption report as text, section by section."""
    sections = (_headline, _weeks, _countries, _key_models, _claims, _refusals, _costs, _stock)
    return "\n".join("\n".join(section(report)) + "\n" for section in sections if any(section(report)))


def bar(part: int, whole: int, width: int = _BAR_WIDTH) -> str:
    """A bar of `width` cells, filled in proportion to `part` of `whole`."""
    eighths = round(8 * width * max(part, 0) / whole) if whole else 0
    full, rest = divmod(min(eighths, 8 * width), 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def _headline(report: RedemptionReport) -> Iterator[str]:
    keys = report["keys"]
    title = f"Redemption report: {report['campaign'] or 'all campaigns'}"
    yield title
    yield f"as of {report['as_of']}"
    yield ""
    share = percent(keys["redeemed"], keys["total"])
    yield f"{keys['redeemed']:,} of {keys['total']:,} keys redeemed ({share})"
    yield ""
    counts: list[tuple[str, int]] = [
        *((step, keys[step]) for step in STEPS),
        ("available", keys["available"]),
    ]
    for step, count in (*counts, ("available", keys["available"])):
        share = percent(count, keys["total"])
        yield f"  {step:<10} {count:>9,}  {share:>5}  {bar(count, keys['total'])}".rstrip()


def _weeks(report: RedemptionReport) -> Iterator[str]:
    if not report["by_week"]:
        return
    yield "By week: keys at each step at the end of the week; the bar shows redeemed keys"
    yield ""
    yield f"  {'week':<9}" + "".join(f"{step:>10}" for step in STEPS)
    for row in report["by_week"]:
        standing = row["standing"]
        numbers = "".join(f"{standing[step]:>10,}" for step in STEPS)
        yield f"  {row['week']:<9}{numbers}  {bar(standing['redeemed'], report['keys']['total'])}".rstrip()


def _countries(report: RedemptionReport) -> Iterator[str]:
    rows = report["by_country"]
    if not rows:
        return
    largest = max(row["redeemed"] for row in rows)
    yield "By country"
    yield ""
    yield f"  {'':<9}{'people':>8}" + "".join(f"{step:>10}" for step in STEPS)
    for row in rows:
        numbers = "".join(f"{row[step]:>10,}" for step in STEPS)
        line = f"  {row['country']:<9}{row['people']:>8,}{numbers}  {bar(row['redeemed'], largest, 18)}"
        yield line.rstrip()


def _key_models(report: RedemptionReport) -> Iterator[str]:
    if not report["by_key_model"]:
        return
    columns = ("total", *STEPS, "available")
    yield "By key model"
    yield ""
    yield f"  {'':<16}" + "".join(f"{column:>10}" for column in columns)
    for row in report["by_key_model"]:
        counts = (row["total"], *(row[step] for step in STEPS), row["available"])
        yield f"  {row['sku']:<16}" + "".join(f"{count:>10,}" for count in counts)


def _claims(report: RedemptionReport) -> Iterator[str]:
    claims = report["claims"]
    states = {state: count for state, count in claims["by_state"].items() if count}
    yield f"Claims: {claims['total']:,} by {claims['people']:,} maintainers"
    yield from _counts(states)


def _refusals(report: RedemptionReport) -> Iterator[str]:
    refusals = report["refusals"]
    yield f"Refusals: {refusals['total']:,} ({refusals['people']:,} people), by the first failed rule"
    yield from _counts(refusals["by_rule"])


def _costs(report: RedemptionReport) -> Iterator[str]:
    for row in report["costs"]["sending"]:
        currency, pair = row["currency"], row["cents_per_delivered_pair"]
        line = f"Parcels: {money_text(row['net_cents'], currency)} for {row['labels']:,} labels"
        yield line if pair is None else f"{line}, {money_text(pair, currency)} per delivered pair"
        amounts = {
            "postage": row["postage_cents"],
            "insurance": row["insurance_cents"],
            "duties": row["duties_cents"],
            "adjustments": row["adjustments_cents"],
            "strays": row["strays_cents"],
            "refunds": row["refunds_cents"],
            "compensation": row["compensation_cents"],
        }
        if any(cents for name, cents in amounts.items() if name != "postage"):
            yield ""
            for name, cents in amounts.items():
                yield f"  {name:<24}{money_text(cents, currency):>18}"


def _stock(report: RedemptionReport) -> Iterator[str]:
    stock = report["stock"]
    models = stock["by_key_model"]
    yield "Stock: keys received, by account"
    yield ""
    yield _row("", [*models, "total"])
    for account, total in stock["accounts"].items():
        yield _row(account.replace("_", " "), [*(models[sku][account] for sku in models), total])
    yield _row("sum", [*(sum(models[sku].values()) for sku in models), sum(stock["accounts"].values())])
    yield _row("received", [*("" for _ in models), stock["total_received"]])
    yield "  It adds up." if stock["adds_up"] else "  IT DOES NOT ADD UP: run `manage.py verify`."


def _row(name: str, cells: Sequence[int | str]) -> str:
    texts = (f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
    return (f"  {name:<12}" + "".join(f"{text:>16}" for text in texts)).rstrip()


def _counts(counts: dict[str, int]) -> Iterator[str]:
    if counts:
        yield ""
    for name, count in counts.items():
        yield f"  {name.replace('_', ' '):<24}{count:>9,}"


def percent(part: int, whole: int) -> str:
    """Whole percent; never rounds up to 100 or down to 0."""
    if not whole:
        return "–"
    percent = round(100 * part / whole)
    if 0 < part < whole:
        percent = min(max(percent, 1), 99)
    return f"{percent}%"


def money_text(cents: int, currency: str) -> str:
    """An amount with its currency, for currencies with two decimals."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02} {currency}"


def render_tables(report: Report) -> str:
    """Any report as plain text: its summary, and each table that has rows."""
    lines = [report.title, f"as of {report.as_of}", "", *report.summary]
    for table in report.tables:
        if table.rows:
            lines += ["", table.title, "", *_text_table(table)]
    return "\n".join(lines) + "\n"


def _text_table(table: Table) -> Iterator[str]:
    columns = table.columns
    rows = [
        [column_in_words(value, column.kind) for value, column in zip(row, columns, strict=True)]
        for row in table.rows
    ]
    heads = [column.title for column in table.columns]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for cells in (heads, *rows):
        padded = (
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        )
        yield ("  " + "  ".join(padded)).rstrip()
