"""A rehearsal's summary for people: the report, then whether the books agree and everything holds."""

from typing import Any

from reports.exports.terminal import render_text


def as_text(summary: dict[str, Any]) -> str:
    """The report and, below it, what the rehearsal checked."""
    vendor, verdict = summary["vendor"], summary["verify"]
    came = ", ".join(f"{count:,} {what}" for what, count in summary["came"].items())
    checked = sum(verdict["checked"].values())
    lines = [
        render_text(summary["report"]),
        f"Who came: {came}.",
        f"Labels: {vendor['labels_ours']:,} bought for {vendor['cents_ours'] / 100:,.2f} USD; "
        f"the vendor's books {'agree to the cent' if vendor['agree'] else 'say otherwise'}.",
        f"Invariants: {', '.join(verdict['checked'])}; {checked:,} things checked, "
        f"{len(verdict['violations'])} violations.",
        *(f"  {found['invariant']}: {found['message']} {found['ids']}" for found in verdict["violations"]),
    ]
    return "\n".join(lines)
