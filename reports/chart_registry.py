"""The charts of each report, with their alternative text and drawing functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from reports.documents import BEFORE_AND_NOW, PROTECTIONS, PublishedReport, RedemptionReport
from reports.tables import Report

if TYPE_CHECKING:
    from types import ModuleType

    from reports.charts import Drawing, Theme


@dataclass(frozen=True)
class Picture:
    """One chart. `table` names the table with the same numbers.

    draw: called with the charts module, which is imported when a chart is drawn, and a theme.
    """

    name: str
    table: str
    alt: str
    draw: "Callable[[ModuleType, Theme], Drawing]"

    def svg(self, theme: str) -> bytes:
        """Draw it as SVG. Args: theme: a name in `charts.THEMES`."""
        from reports import charts

        return charts.draw_svg(self.draw(charts, charts.THEMES[theme]))


def pictures_of(report: Report) -> list[Picture]:
    """The charts that have data, in the order of their tables."""
    if report.name == "redemption":
        return _exact(cast(RedemptionReport, report.document))
    if report.name == "published":
        return _published(cast(PublishedReport, report.document))
    return []


def _exact(document: RedemptionReport) -> "list[Picture]":
    found = []
    if document["by_week"]:
        keys = document["keys"]
        found.append(
            Picture(
                "keys_by_week",
                "by_week",
                f"Lines of the keys claimed, shipped, delivered and redeemed by the end of each week, up to "
                f"{keys['redeemed']:,} redeemed of {keys['total']:,}. The table has the numbers.",
                lambda charts, theme: charts.keys_by_week(document, theme),
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
                lambda charts, theme: charts.bars(steps, theme, of="people"),
            )
        )
    return found + _coverage(document)


def _published(document: PublishedReport) -> "list[Picture]":
    found = []
    if any(week["claimed"] for week in document["by_week"]):
        found.append(
            Picture(
                "people_by_week",
                "by_week",
                "Lines of the people who claimed, were shipped to, had the keys delivered and kept them, by "
                "week. The table has the numbers.",
                lambda charts, theme: charts.people_by_week(document, theme),
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
                lambda charts, theme: charts.bars(countries, theme, of="people who claimed"),
            )
        )
    return found + _protected(document)


_SHARES: tuple[Literal["none", "some", "all"], ...] = ("none", "some", "all")
_NESTED: tuple[Literal["any", "all"], ...] = ("any", "all")
_PROTECTIONS = {"two_factor": "any second factor", "webauthn": "a WebAuthn key"}


def _coverage(document: RedemptionReport) -> "list[Picture]":
    """Projects by share of protected maintainers: none, some or all."""
    projects = document["projects"]
    rows = [
        (
            f"{_PROTECTIONS[what]}, {when}",
            [(share, projects[when][what][share]) for share in _SHARES],
        )
        for what in PROTECTIONS
        for when in BEFORE_AND_NOW
    ]
    if not any(number for _, parts in rows for _, number in parts):
        return []
    words = "; ".join(f"{name}: " + ", ".join(f"{n:,} {part}" for part, n in parts) for name, parts in rows)
    return [
        Picture(
            "projects",
            "projects",
            f"Critical projects by how many of their maintainers are protected. {words}.",
            lambda charts, theme: charts.shares(rows, theme, of="critical projects"),
        )
    ]


def _protected(document: PublishedReport) -> "list[Picture]":
    """Nested published counts: projects with any protected maintainer, and those with all protected."""
    projects = document["projects"]
    rows = [
        (f"{share} with {_PROTECTIONS[what]}, {when}", projects[when][what][share])
        for what in PROTECTIONS
        for share in _NESTED
        for when in BEFORE_AND_NOW
    ]
    bars = [(name, number) for name, number in rows if number]
    if not bars:
        return []
    words = ", ".join(f"{name} {number:,}" for name, number in bars)
    return [
        Picture(
            "projects",
            "projects",
            f"Bars of the critical projects by how many of their maintainers are protected: {words}.",
            lambda charts, theme: charts.bars(bars, theme, of="critical projects"),
        )
    ]
