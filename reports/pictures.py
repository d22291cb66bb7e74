"""Which charts a report has: each with a name, a heading, words for who does not see it, and its drawing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reports.charts import Drawing, Theme, bars, keys_by_week, people_by_week, shares
from reports.tables import Report


@dataclass(frozen=True)
class Picture:
    """One chart. `table` names the table that has its numbers."""

    name: str
    table: str
    alt: str
    draw: Callable[[Theme], Drawing]


def pictures_of(report: Report) -> list[Picture]:
    """The charts there is something to draw for, in the order of their tables."""
    if report.name == "redemption":
        return list(_exact(report.document))
    if report.name == "published":
        return list(_published(report.document))
    return []


def _exact(document: Mapping[str, Any]) -> "list[Picture]":
    found = []
    if document["by_week"]:
        keys = document["keys"]
        found.append(
            Picture(
                "keys_by_week",
                "by_week",
                f"Lines of the keys claimed, shipped, delivered and redeemed by the end of each week, up to "
                f"{keys['redeemed']:,} redeemed of {keys['total']:,}. The table has the numbers.",
                lambda theme: keys_by_week(dict(document), theme),
            )
        )
    steps = [(row["step"].replace("_", " "), row["people"]) for row in document["funnel"]["steps"]]
    steps = [(name, people) for name, people in steps if people is not None]
    if any(people for _, people in steps):
        found.append(
            Picture(
                "funnel",
                "funnel",
                "Bars of the people at each step: " + ", ".join(f"{name} {n:,}" for name, n in steps) + ".",
                lambda theme: bars(steps, theme, of="people"),
            )
        )
    return found + _coverage(document)


def _published(document: Mapping[str, Any]) -> "list[Picture]":
    found = []
    if any(week["claimed"] for week in document["by_week"]):
        found.append(
            Picture(
                "people_by_week",
                "by_week",
                "Lines of the people who claimed, were shipped to, had the keys delivered and kept them, by "
                "week. The table has the numbers.",
                lambda theme: people_by_week(dict(document), theme),
            )
        )
    countries = [(row["country"], row["claimed"]) for row in document["by_country"] if row["claimed"]]
    if countries:
        found.append(
            Picture(
                "by_country",
                "by_country",
                "Bars of the people who claimed, by country: "
                + ", ".join(f"{name} {n:,}" for name, n in countries)
                + ".",
                lambda theme: bars(countries, theme, of="people who claimed"),
            )
        )
    return found + _coverage(document)


def _coverage(document: Mapping[str, Any]) -> "list[Picture]":
    projects = document["projects"]
    titles = {"two_factor": "any second factor", "webauthn": "a WebAuthn key"}
    rows = [
        (
            f"{titles[what]}, {when}",
            [(share, projects[when][what][share] or 0) for share in ("none", "some", "all")],
        )
        for what in titles
        for when in ("before", "now")
    ]
    if not any(number for _, parts in rows for _, number in parts):
        return []
    words = "; ".join(f"{name}: " + ", ".join(f"{n:,} {part}" for part, n in parts) for name, parts in rows)
    return [
        Picture(
            "projects",
            "projects",
            f"Critical projects by how many of their maintainers are protected. {words}.",
            lambda theme: shares(rows, theme, of="critical projects"),
        )
    ]
