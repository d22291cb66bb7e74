"""Two dates, or two campaigns, side by side."""

from collections.abc import Iterable, Mapping
from typing import Any

from reports.tables import Report, count, table, text

Number = int | None


def comparison(first: Mapping[str, Any], second: Mapping[str, Any]) -> Report:
    """The headline numbers of two redemption reports, both exact or both published, and what differs.

    Returns: `change` is the second less the first; None where one of them is not shown.
    """
    titles = [
        f"{document['campaign'] or 'all campaigns'}, {document['as_of']}" for document in (first, second)
    ]
    numbers: dict[str, tuple[Number, Number]] = {name: (before, None) for name, before in _numbers(first)}
    for name, after in _numbers(second):
        numbers[name] = (numbers.get(name, (None, None))[0], after)
    rows = [
        {
            "number": name,
            "first": before,
            "second": after,
            "change": None if before is None or after is None else after - before,
        }
        for name, (before, after) in numbers.items()
    ]
    documents = {"first": titles[0], "second": titles[1]}
    made = table(
        "comparison",
        "Side by side",
        f"First: {titles[0]}. Second: {titles[1]}.",
        (
            text("number", "what is counted"),
            count("first", titles[0]),
            count("second", titles[1]),
            count("change", "second less first"),
        ),
        rows,
    )
    return Report(
        name="comparison",
        title="Comparison",
        as_of=second["as_of"],
        summary=(made.about,),
        tables=(made,),
        document={"report": "comparison", **documents, "numbers": rows},
    )


def _numbers(document: Mapping[str, Any]) -> Iterable[tuple[str, Number]]:
    """The numbers of a report that can be compared, by a name that says where they stand."""
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
        "parcels, minor units": {
            row["currency"]: row["net_cents"] for row in document["costs"].get("sending", [])
        },
        "postage, minor units": {
            row["currency"]: row["cents"] for row in document["costs"].get("postage", [])
        },
    }
    for group, numbers in groups.items():
        for name, value in numbers.items():
            yield f"{group}: {name.replace('_', ' ')}", value


def _only(numbers: Mapping[str, Any], *names: str) -> dict[str, Number]:
    return {name: numbers[name] for name in names if name in numbers}
