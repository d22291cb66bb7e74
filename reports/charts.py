"""Charts of the reports: one definition each, drawn as SVG for light and for dark paper."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from reports.metrics.keys import STEPS

WIDTH, HEIGHT = 560, 320
_FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
_FONT_SIZE = 13
# The height of one end label in pixels; labels closer than that are pushed apart.
_LABEL_PITCH = 17

# What layering gives, as the library has it.
Drawing = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True)
class Theme:
    """Paper, words and grid; the lines' colours in the order of STEPS, 4.5 : 1 or more against the paper."""

    paper: str
    quiet: str
    grid: str
    lines: tuple[str, str, str, str]


# The tokens of keydesk.css: paper, soft, line; then soft, warn, good, accent.
THEMES = {
    "light": Theme("#ffffff", "#525e6c", "#dce1e7", ("#525e6c", "#7a5200", "#17694a", "#0b5c86")),
    "dark": Theme("#181f27", "#a5b0bd", "#2d3742", ("#a5b0bd", "#eec36a", "#79d2a8", "#86c8ee")),
}

# Told apart by the dash and by the words at the line's end; colour only repeats it.
_DASHES: tuple[list[int], ...] = ([1, 3], [8, 4], [3, 3], [1, 0])
_WEIGHTS = (2.0, 2.0, 2.0, 3.5)


def keys_by_week(report: dict[str, Any], theme: Theme) -> Drawing:
    """Keys claimed, shipped, redeemed and delivered at the end of each week, under the line of the total.

    Args: report: a redemption report with at least one week.
    """
    total = report["keys"]["total"]
    points = _points(report["by_week"])
    highest = max(total, *(point["keys"] for point in points), 1)
    week, keys = _axes(highest)
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
        alt.Chart(pd.DataFrame(_labels(report["by_week"][-1], points[-1]["on"], highest)))
        .mark_text(align="left", baseline="middle", dx=8)
        .encode(x=week, y=keys, text="text:N", color=colours)
    )
    return _styled(alt.layer(_total_line(total, points[0]["on"], theme, week, keys), lines, ends), theme)


def _axes(highest: int) -> tuple[alt.X, alt.Y]:
    week = alt.X(
        "on:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%-d %b", tickCount=6, grid=False),
    )
    keys = alt.Y(
        "keys:Q",
        title="keys",
        scale=alt.Scale(domain=[0, highest], nice=False),
        axis=alt.Axis(tickCount=5, format=",d", tickMinStep=1),
    )
    return week, keys


def _by_step(looks: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=list(STEPS), range=list(looks))


def draw_svg(chart: Drawing) -> bytes:
    """The chart as SVG: the same bytes for the same chart. Nothing is fetched."""
    specification = json.dumps(chart.to_dict(), sort_keys=True)
    svg: str = vl_convert.vegalite_to_svg(specification, vl_version="6.4", allowed_base_urls=[])
    return svg.encode()


def _points(weeks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point per step at the end of each week, and none of anything when the first week began."""
    first = weeks[0]["starts_on"]
    points = [{"on": first, "step": step, "keys": 0} for step in STEPS]
    for week in weeks:
        end = (date.fromisoformat(week["starts_on"]) + timedelta(days=7)).isoformat()
        points.extend({"on": end, "step": step, "keys": week["standing"][step]} for step in STEPS)
    return points


def _labels(last: dict[str, Any], on: str, highest: int) -> list[dict[str, Any]]:
    """The words at the lines' ends, moved apart where lines end close together."""
    standing = last["standing"]
    in_order = sorted(STEPS, key=lambda step: (standing[step], -STEPS.index(step)))
    heights = spread([standing[step] for step in in_order], pitch=highest * _LABEL_PITCH / HEIGHT)
    return [
        {"on": on, "step": step, "keys": round(height, 3), "text": f"{step} {standing[step]:,}"}
        for step, height in zip(in_order, heights, strict=True)
    ]


def spread(values: list[int], *, pitch: float) -> list[float]:
    """Ascending values moved no further than it takes for each to be `pitch` above the one before.

    Values too close form a group around their mean; a group that then comes too close to the one below
    joins it (isotonic regression by pooling, of the values less their share of the pitch).
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


def _styled(chart: Drawing, theme: Theme) -> Drawing:
    # The words at the lines' ends are set in the reader's own font, which may run wider than the one the
    # drawing was measured with.
    room = {"left": 8, "top": 8, "right": 40, "bottom": 8}
    styled: Drawing = (
        chart.properties(width=WIDTH, height=HEIGHT, padding=room, autosize=alt.AutoSizeParams(type="pad"))
        .configure(background=theme.paper, font=_FONT)
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
