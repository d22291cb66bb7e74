"""A rehearsal's summary as text: the report, the comparison with the vendor, the invariants."""

from typing import Any

from reports.exports.terminal import render_text


def as_text(summary: dict[str, Any]) -> str:
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
