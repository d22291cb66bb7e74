"""The way to a claim, step by step: which there are, and which comes next."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from fulfillment.claims.models import Draft


class Step(StrEnum):
    """A step, by the name of its page."""

    START = "start"
    KEYS = "keys"
    ADDRESS = "address"
    REVIEW = "review"


_TITLES: dict[Step, Any] = {
    Step.START: _("Where you stand"),
    Step.KEYS: _("Your keys"),
    Step.ADDRESS: _("Where to"),
    Step.REVIEW: _("Look it over"),
}


def next_step(draft: Draft) -> Step:
    """The first step that is not done."""
    if not draft.country:
        return Step.START
    if not draft.wanted:
        return Step.KEYS
    return Step.REVIEW if draft.has_address else Step.ADDRESS


@dataclass(frozen=True)
class Waypoint:
    """A step as it is shown: done ones lead back."""

    number: int
    title: str
    url: str
    is_here: bool
    is_done: bool


def waypoints(draft: Draft, here: Step) -> list[Waypoint]:
    steps = list(Step)
    reached = steps.index(next_step(draft))
    return [
        Waypoint(
            number=number + 1,
            title=_TITLES[step],
            url=reverse(f"claims:{step}"),
            is_here=step is here,
            is_done=step is not here and number < max(reached, steps.index(here)) and number <= reached,
        )
        for number, step in enumerate(steps)
    ]
