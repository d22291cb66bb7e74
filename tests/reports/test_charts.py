"""The chart of keys by week."""

from typing import Any, cast
from xml.etree import ElementTree

import pytest

from reports.charts import THEMES, draw_svg, keys_by_week, spread_chart
from reports.documents import RedemptionReport

NUMBERS = [(100, 60, 40, 58), (180, 150, 120, 149)]


def report(numbers: list[tuple[int, int, int, int]], *, total: int) -> dict[str, Any]:
    steps = ("claimed", "shipped", "delivered", "redeemed")
    weeks = [
        {"starts_on": f"2022-07-{11 + 7 * number}", "standing": dict(zip(steps, row, strict=True))}
        for number, row in enumerate(numbers)
    ]
    return {"keys": {"total": total}, "by_week": weeks}


def drawn(
    theme: str = "light", numbers: list[tuple[int, int, int, int]] = NUMBERS, total: int = 200
) -> bytes:
    return draw_svg(keys_by_week(cast(RedemptionReport, report(numbers, total=total)), THEMES[theme]))


def words(svg: bytes) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_it_is_the_same_to_the_byte_each_time(theme: str) -> None:
    assert drawn(theme) == drawn(theme)


def test_it_names_each_line_at_its_end_with_its_number() -> None:
    for label in ("claimed 180", "shipped 150", "delivered 120", "redeemed 149", "200 received"):
        assert label in words(drawn())


def test_lines_differ_without_colour() -> None:
    lines = [
        (path.get("stroke-dasharray"), path.get("stroke-width"))
        for path in ElementTree.fromstring(drawn()).iter("{http://www.w3.org/2000/svg}path")
        if path.get("stroke") in THEMES["light"].lines
    ]
    assert len(lines) == 4
    assert len(set(lines)) == 4


def test_light_and_dark_are_the_same_drawing_in_other_colours() -> None:
    light, dark = drawn("light").decode(), drawn("dark").decode()
    assert light != dark
    for before, after in zip(_colours("light"), _colours("dark"), strict=True):
        light = light.replace(before, after)
    assert light == dark


def test_it_needs_no_inline_style_or_script() -> None:
    """Its own content security policy allows neither."""
    svg = drawn()
    for forbidden in (b"style=", b"<style", b"<script", b"href="):
        assert forbidden not in svg


@pytest.mark.parametrize("numbers", [[(0, 0, 0, 0)], [(2, 0, 0, 0)], [(2, 2, 2, 2)] * 2])
def test_a_tiny_programme_can_be_drawn(numbers: list[tuple[int, int, int, int]]) -> None:
    assert "2 received" in words(drawn(numbers=numbers, total=2))


@pytest.mark.parametrize(
    ("values", "placed"),
    [
        ([0, 50, 100], [0, 50, 100]),
        ([50, 50, 50], [40, 50, 60]),
        ([0, 10, 11, 100], [-3, 7, 17, 100]),
    ],
)
def test_labels_are_moved_apart_around_their_middle(values: list[int], placed: list[float]) -> None:
    assert spread_chart(values, pitch=10) == pytest.approx(placed)


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_lines_can_be_told_from_the_paper(theme: str) -> None:
    paper = _luminance(THEMES[theme].paper)
    for colour in (*THEMES[theme].lines, THEMES[theme].quiet):
        lighter, darker = sorted((_luminance(colour), paper), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _colours(theme: str) -> list[str]:
    colours = THEMES[theme]
    return [colours.paper, colours.quiet, colours.grid, *colours.lines]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
