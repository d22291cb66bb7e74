"""The report in a terminal."""

import pytest

from reports.exports.terminal import bar, money_text, percent


@pytest.mark.parametrize(
    ("part", "whole", "drawn"),
    [
        (0, 8, "    "),
        (8, 8, "████"),
        (4, 8, "██  "),
        (1, 32, "▏   "),
        (-3, 8, "    "),
        (9, 8, "████"),
        (0, 0, "    "),
    ],
)
def test_a_bar_is_filled_by_eighths(part: int, whole: int, drawn: str) -> None:
    assert bar(part, whole, width=4) == drawn


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 4000, "0%"), (1, 4000, "1%"), (3999, 4000, "99%"), (4000, 4000, "100%"), (1, 3, "33%"), (0, 0, "–")],
)
def test_percents_are_never_rounded_to_all_or_nothing(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


def test_money_is_written_with_its_currency() -> None:
    assert money_text(123456, "USD") == "1,234.56 USD"
    assert money_text(7, "USD") == "0.07 USD"
