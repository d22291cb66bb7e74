"""The published statistics of a campaign."""

from datetime import datetime

from pydantic import Field

from api.schemas import Out


class StatsOut(Out):
    """Published statistics. Null means too few to publish; people are counted in whole groups."""

    campaign: str
    as_of: datetime = Field(description="Time of the headline figures: the start of a day.")
    cuts_as_of: datetime = Field(description="Time of all other figures: the start of a week.")
    smallest_group: int
    method: str
    keys: dict[str, int | None]
    people: dict[str, int | None]
    by_week: list[dict[str, str | int | None]]
    by_country: list[dict[str, str | int | None]]
    by_key_models: list[dict[str, str | int | None]]
    by_policy: list[dict[str, str | int | None]]
    by_wave: list[dict[str, str | int | None]]
    two_factor: dict[str, int | None] = Field(
        description="Roster accounts with any second factor, and of these, those with a WebAuthn key."
    )
    projects: dict[str, object] = Field(
        description="Critical projects with a protected maintainer; of these, those with no unprotected one."
    )
    refusals: dict[str, int | None] = Field(description="Refused maintainers by the first rule that failed.")
    costs: dict[str, object]
