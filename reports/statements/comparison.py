"""Comparison of two dates or two campaigns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reports.tables import (
    Column,
    Kind,
    Report,
    column_in_words,
    count_column,
    money_column,
    table,
    text_column,
)

Number = int | None


def comparison_report(first: Mapping[str, Any], second: Mapping[str, Any]) -> Report:
    """Compare the headline numbers of two redemption reports, both exact or both published."""
    titles = [
        f"{document['campaign'] or 'all campaigns'}, {column_in_words(document['as_of'], Kind.MOMENT)} UTC"
        for document in (first, second)
    ]
    about = f"First: {titles[0]}. Second: {titles[1]}."
    counts = _side_by_side(dict(_counts(first)), dict(_counts(second)))
    # A missing row means 0 in an exact report, and "not shown" in a published one.
    missing = 0 if "sending" in first["costs"] else None
    amounts = _side_by_side(dict(_amounts(first)), dict(_amounts(second)), missing=missing)
    for row in amounts:
        row["number"], _, row["currency"] = row["number"].rpartition(" ")
    columns = text_column("number", "what is counted")
    return Report(
        name="comparison",
        title="Comparison",
        as_of=second["as_of"],
        summary=(about,),
        tables=(
            table("comparison", "Side by side", about, (columns, *_sides(count_column, titles)), counts),
            table(
                "amounts",
                "Costs side by side",
                about,
                (columns, text_column("currency", "ISO 4217"), *_sides(money_column, titles)),
                amounts,
            ),
        ),
        document={
            "report": "comparison",
            "first": titles[0],
            "second": titles[1],
            "numbers": counts,
            "amounts": amounts,
        },
    )


def _sides(kind: Callable[[str, str], Column], titles: Sequence[str]) -> tuple[Column, ...]:
    return kind("first", titles[0]), kind("second", titles[1]), kind("change", "second less first")


def _side_by_side(
    first: Mapping[str, Number], second: Mapping[str, Number], *, missing: Number = None
) -> list[dict[str, Any]]:
    """Each number of either; `change` is None where one of them is not shown."""
    rows = []
    for name in dict.fromkeys((*first, *second)):
        before, after = first.get(name, missing), second.get(name, missing)
        change = None if before is None or after is None else after - before
        rows.append({"number": name, "first": before, "second": after, "change": change})
    return rows


def _counts(document: Mapping[str, Any]) -> Iterable[tuple[str, Number]]:
    """The comparable counts of a report, by section and name."""
    states = document["two_factor"]
    groups: dict[str, Mapping[str, Number]] = {
        "keys": document["keys"],
        "people": document.get("people", {}),
        "people at": {row["step"]: row["people"] for row in document.get("funnel", {}).get("steps", [])},
        "accounts": states.get("accounts", states),
        "critical projects, two-factor": document["projects"]["now"]["two_factor"],
        "critical projects, WebAuthn": document["projects"]["now"]["webauthn"],
        "waitlist": _only(document.get("waitlist", {}), "waiting", "promoted"),
        "cases": _only(document.get("cases", {}), "open", "overdue"),
    }
    for group, numbers in groups.items():
        for name, value in numbers.items():
            yield f"{group}: {name.replace('_', ' ')}", value


def _amounts(document: Mapping[str, Any]) -> Iterable[tuple[str, Number]]:
    """The comparable amounts of a report, in minor units, by name and currency."""
    for row in document["costs"].get("sending", []):
        yield f"parcels {row['currency']}", row["net_cents"]
    for row in document["costs"].get("postage", []):
        yield f"postage {row['currency']}", row["cents"]


def _only(numbers: Mapping[str, Any], *names: str) -> dict[str, Number]:
    return {name: numbers[name] for name in names if name in numbers}
