"""The steps of making a claim, and their order."""

from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fulfillment.claims.models import Draft


class ClaimStep(StrEnum):
    """A step; its value is the name of its page."""

    START = "start"
    KEYS = "keys"
    ADDRESS = "address"
    REVIEW = "review"


_TITLES: dict[ClaimStep, str | Promise] = {
    ClaimStep.START: _("Your eligibility"),
    ClaimStep.KEYS: _("Your keys"),
    ClaimStep.ADDRESS: _("Delivery address"),
    ClaimStep.REVIEW: _("Check your answers"),
}


def next_claim_step(draft: Draft) -> ClaimStep:
    """The first incomplete step."""
    if not draft.country:
        return ClaimStep.START
    if not draft.wanted:
        return ClaimStep.KEYS
    return ClaimStep.REVIEW if draft.has_address else ClaimStep.ADDRESS


@dataclass(frozen=True)
class Waypoint:
    """A step for display; completed ones are links."""

    number: int
    title: str | Promise
    url: str
    is_here: bool
    is_done: bool


def waypoints(draft: Draft, here: ClaimStep) -> list[Waypoint]:
    steps = list(ClaimStep)
    reached = steps.index(next_claim_step(draft))
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
