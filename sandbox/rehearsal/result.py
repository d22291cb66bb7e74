"""A rehearsal's summary as text: the report, the comparison with the vendor, the invariants."""

from typing import TypedDict

from config.management.commands.verify import VerifyDocument
from reports.documents import RedemptionReport
from reports.exports.terminal import render_text


class ReportStability(TypedDict):
    """Whether reports as of past moments were the same when made later."""

    moments: int
    same_when_made_later: bool


class LabelComparison(TypedDict):
    """Labels and their cost by our records and by the stand-in's."""

    labels_ours: int
    labels_theirs: int
    cents_ours: int
    cents_theirs: int
    agree: bool


class PaymentComparison(TypedDict):
    """Payments, refunds and fees by our records and by the stand-in's."""

    ours: dict[str, int]
    theirs: dict[str, int]
    agree: bool


class RehearsalSummary(TypedDict):
    """The result of a rehearsal, as `rehearse --json` prints it."""

    seed: int
    keys: int
    maintainers: int
    weeks: int
    came: dict[str, int]
    report: RedemptionReport
    reports: ReportStability
    vendor: LabelComparison
    payments: PaymentComparison
    verify: VerifyDocument


def as_text(summary: RehearsalSummary) -> str:
    """The report, followed by the checks of the rehearsal."""
    vendor, verdict = summary["vendor"], summary["verify"]
    came = ", ".join(f"{count:,} {what}" for what, count in summary["came"].items())
    checked = sum(verdict["checked"].values())
    lines = [
        render_text(summary["report"]),
        f"Claims: {came}.",
        f"Labels: {vendor['labels_ours']:,} bought for {vendor['cents_ours'] / 100:,.2f} USD; "
        f"the vendor's records {'agree to the cent' if vendor['agree'] else 'differ'}.",
        f"Invariants: {', '.join(verdict['checked'])}; {checked:,} checks, "
        f"{len(verdict['violations'])} violations.",
        *(f"  {found['invariant']}: {found['message']} {found['ids']}" for found in verdict["violations"]),
    ]
    return "\n".join(lines)
