"""Charts of the reports: one definition each, drawn as SVG for light and for dark paper."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypedDict, cast

import altair as alt
import pandas as pd
import vl_convert

from reports.documents import KeyStep, PublishedReport, RedemptionReport, WeekRow
from reports.metrics import STEPS

WIDTH, HEIGHT = 560, 320
_FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
_FONT_SIZE = 13
# Height of an end label in pixels; labels closer than this are moved apart.
_LABEL_PITCH = 17

# The chart types that layering returns.
Drawing = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True)
class Theme:
    """Colours of background, text, grid and lines (in the order of STEPS); contrast 4.5 : 1 or more."""

    paper: str
    quiet: str
    grid: str
    lines: tuple[str, str, str, str]
    font: str = _FONT


# The tokens of keydesk.css: paper, soft, line; then soft, warn, good, accent. Print uses an embedded
# font, so that a document does not depend on the fonts of a machine.
_LIGHT = ("#525e6c", "#7a5200", "#17694a", "#0b5c86")
THEMES = {
    "light": Theme("#ffffff", "#525e6c", "#dce1e7", _LIGHT),
    "dark": Theme("#181f27", "#a5b0bd", "#2d3742", ("#a5b0bd", "#eec36a", "#79d2a8", "#86c8ee")),
    "print": Theme("#ffffff", "#333333", "#dce1e7", _LIGHT, "Libertinus Serif"),
}

# Dashes and end labels distinguish the lines; colour only repeats them.
_DASHES: tuple[list[int], ...] = ([1, 3], [8, 4], [3, 3], [1, 0])
_WEIGHTS = (2.0, 2.0, 2.0, 3.5)


class _Point(TypedDict):
    on: str
    step: KeyStep
    keys: int


class _Label(TypedDict):
    on: str
    step: KeyStep
    keys: float
    text: str


def keys_by_week(report: RedemptionReport, theme: Theme) -> Drawing:
    """Line chart of keys at each step at the end of each week, with the total is the number received.

    Args: report: a redemption report with at least one week.
    """
    total = report["keys"]["total"]
    points = _points(report["by_week"])
    highest = max(total, *(point["keys"] for point in points), 1)
    last = report["by_week"][-1]["standing"]
    labels = _labels({step: last[step] for step in STEPS}, {}, points[-1]["on"], highest)
    drawn = _lines(points, labels, highest, theme, of="keys")
    week, keys = _axes(highest, "keys")
    return _styled(alt.layer(_total_line(total, points[0]["on"], theme, week, keys), *drawn.layer), theme)


def _lines(
    points: Sequence[_Point], labels: Sequence[_Label], highest: int, theme: Theme, *, of: str
) -> alt.LayerChart:
    week, keys = _axes(highest, of)
    colours = alt.Color("step:N", scale=_by_step(theme.lines), legend=None)
    lines = (
        alt.Chart(pd.DataFrame(points))
        .mark_line(interpolate="linear", strokeCap="butt")
        .encode(
            x=week,
            y=keys,
            color=colours,
            strokeDash=alt.StrokeDash("step:N", scale=_by_step(_DASHES), legend=None),
            strokeWidth=alt.StrokeWidth("step:N", scale=_by_step(_WEIGHTS), legend=None),
        )
    )
    ends = (
        alt.Chart(pd.DataFrame(labels))
        .mark_text(align="left", baseline="middle", dx=8)
        .encode(x=week, y=keys, text="text:N", color=colours)
    )
    return cast(alt.LayerChart, alt.layer(lines, ends))


def _axes(highest: int, of: str) -> tuple[alt.X, alt.Y]:
    week = alt.X(
        "on:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%-d %b", tickCount=6, grid=False),
    )
    keys = alt.Y(
        "keys:Q",
        title=of,
        scale=alt.Scale(domain=[0, highest], nice=False),
        axis=alt.Axis(tickCount=5, format=",d", tickMinStep=1),
    )
    return week, keys


def _by_step(looks: Sequence[str | float | Sequence[float]]) -> alt.Scale:
    return alt.Scale(domain=list(STEPS), range=list(looks))


def people_by_week(document: PublishedReport, theme: Theme) -> Drawing:
    """Line chart of the published number of people at each step, by weekly release.

    Args: document: a published report with at least one number in its weeks.
    """
    weeks = document["by_week"]
    points: list[_Point] = [
        {"on": week["release"], "step": step, "keys": week[step] or 0} for week in weeks for step in STEPS
    ]
    highest = max(*(point["keys"] for point in points), 1)
    least = document["smallest_group"]
    last = {step: weeks[-1][step] or 0 for step in STEPS}
    texts = {step: f"{step} under {least}" for step in STEPS if weeks[-1][step] is None}
    labels = _labels(last, texts, points[-1]["on"], highest)
    return _styled(_lines(points, labels, highest, theme, of="people"), theme)


def bars(rows: Sequence[tuple[str, int]], theme: Theme, *, of: str) -> Drawing:
    """Bar chart with one labelled bar a row, in the given order.

    Args: rows: name and number, at least one. of: the unit, for the axis title.
    """
    data = pd.DataFrame([{"name": name, "number": number, "text": f"{number:,}"} for name, number in rows])
    names = alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    highest = max(*(number for _, number in rows), 1)
    numbers = alt.X(
        "number:Q",
        title=of,
        scale=alt.Scale(domain=[0, highest * 1.12], nice=False),
        axis=alt.Axis(format=",d", tickMinStep=1, tickCount=4),
    )
    drawn = alt.Chart(data).mark_bar(color=theme.lines[3], height=alt.RelativeBandSize(band=0.62))
    words = alt.Chart(data).mark_text(align="left", dx=5, color=theme.quiet)
    layers = alt.layer(drawn.encode(x=numbers, y=names), words.encode(x=numbers, y=names, text="text:N"))
    return _styled(layers, theme, height=26 * len(rows) + 10, left=40)


def shares(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]], theme: Theme, *, of: str) -> Drawing:
    """Stacked bar chart: one bar a row, divided into the same labelled parts.

    Args: rows: name and parts, all with the same part names in the same order.
    """
    names = [name for name, _ in rows[0][1]]
    data = []
    for row, parts in rows:
        start = 0
        total = max(sum(number for _, number in parts), 1)
        for name, number in parts:
            text = f"{name} {number:,}" if number / total > 0.1 else ""
            data.append(
                {"row": row, "part": name, "from": start, "to": start + number, "text": text}
                | {"middle": start + number / 2}
            )
            start += number
    # Labels and borders distinguish the parts; the shade only repeats them.
    fills = [theme.paper, theme.grid, theme.lines[3]]
    inks = [theme.quiet, theme.quiet, theme.paper]
    y = alt.Y("row:N", title=None, sort=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    numbers = alt.X("from:Q", title=of, axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1))
    base = alt.Chart(pd.DataFrame(data))
    drawn = base.mark_bar(stroke=theme.quiet, strokeWidth=1, height=alt.RelativeBandSize(band=0.7)).encode(
        x=numbers,
        x2="to:Q",
        y=y,
        color=alt.Color("part:N", scale=alt.Scale(domain=names, range=fills[: len(names)]), legend=None),
    )
    words = base.mark_text().encode(
        x=alt.X("middle:Q"),
        y=y,
        text="text:N",
        color=alt.Color("part:N", scale=alt.Scale(domain=names, range=inks[: len(names)]), legend=None),
    )
    layers = alt.layer(drawn, words).resolve_scale(color="independent")
    return _styled(layers, theme, height=34 * len(rows) + 10, left=40)


def draw_svg(chart: Drawing) -> bytes:
    """Render the chart as SVG, byte for byte the same for the same chart. Fetches nothing."""
    specification = json.dumps(chart.to_dict(), sort_keys=True)
    svg: str = vl_convert.vegalite_to_svg(specification, vl_version="6.4", allowed_base_urls=[])
    return svg.encode()


def _points(weeks: Sequence[WeekRow]) -> list[_Point]:
    """One point for each step at the end of each week, starting from zero."""
    first = weeks[0]["starts_on"]
    points: list[_Point] = [{"on": first, "step": step, "keys": 0} for step in STEPS]
    for week in weeks:
        end = (date.fromisoformat(week["starts_on"]) + timedelta(days=7)).isoformat()
        points.extend({"on": end, "step": step, "keys": week["standing"][step]} for step in STEPS)
    return points


def _labels(
    totals: Mapping[KeyStep, int], texts: Mapping[KeyStep, str], on: str, highest: int
) -> list[_Label]:
    """Labels at the ends of the lines, moved apart where they would overlap."""
    in_order = sorted(STEPS, key=lambda step: (totals[step], -STEPS.index(step)))
    pitch = highest * _LABEL_PITCH / HEIGHT
    heights = spread_chart([totals[step] for step in in_order], pitch=pitch)
    # Keep labels above the axis and its dates.
    heights = [max(height, (place + 0.3) * pitch) for place, height in enumerate(heights)]
    return [
        {
            "on": on,
            "step": step,
            "keys": round(height, 3),
            "text": texts.get(step) or f"{step} {totals[step]:,}",
        }
        for step, height in zip(in_order, heights, strict=True)
    ]


def spread_chart(values: list[int], *, pitch: float) -> list[float]:
    """Move ascending values apart by the least that puts each at least `pitch` above the one before.

    Values that are too close form a group around their mean; a group too close to the one below is merged
    with it (isotonic regression by pooling adjacent violators, after subtracting the pitch).
    """
    groups: list[list[float]] = []
    for place, value in enumerate(values):
        groups.append([value - place * pitch])
        while len(groups) > 1 and _mean(groups[-2]) >= _mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    levels = [_mean(group) for group in groups for _ in group]
    return [level + place * pitch for place, level in enumerate(levels)]


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _total_line(total: int, on: str, theme: Theme, week: alt.X, keys: alt.Y) -> Drawing:
    at_total = alt.Chart(pd.DataFrame([{"on": on, "keys": total, "text": f"{total:,} received"}]))
    rule = at_total.mark_rule(color=theme.quiet, strokeWidth=1).encode(y=keys)
    text = at_total.mark_text(align="left", baseline="bottom", dx=2, dy=-4, color=theme.quiet)
    return alt.layer(rule, text.encode(x=week, y=keys, text="text:N"))


def _styled(chart: Drawing, theme: Theme, *, height: int = HEIGHT, left: int = 8) -> Drawing:
    # The reader's font may be wider than the one the chart was measured with.
    # drawing was measured with.
    room = {"left": left, "top": 8, "right": 40, "bottom": 8}
    styled: Drawing = (
        chart.properties(width=WIDTH, height=height, padding=room, autosize=alt.AutoSizeParams(type="pad"))
        .configure(background=theme.paper, font=theme.font)
        .configure_view(stroke=None, clip=False)
        .configure_text(fontSize=_FONT_SIZE)
        .configure_axis(
            labelColor=theme.quiet,
            titleColor=theme.quiet,
            gridColor=theme.grid,
            domainColor=theme.quiet,
            tickColor=theme.quiet,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
    )
    return styled
