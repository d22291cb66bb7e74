"""The sections of the desk, in the order its navigation shows them."""

from dataclasses import dataclass

from desk.roles import Action


@dataclass(frozen=True)
class Section:
    """An entry of the navigation: its words, the name of its URL, and who is shown it."""

    label: str
    url: str
    action: Action


SECTIONS = (
    Section("Today", "desk:today", Action.SEE_DESK),
    Section("Floor", "desk:floor", Action.SEE_DESK),
    Section("Claims", "desk:claims", Action.SEE_DESK),
    Section("Parcels", "desk:parcels", Action.SEE_DESK),
    Section("Cases", "desk:cases", Action.SEE_DESK),
    Section("Second names", "desk:second_names", Action.SEE_PERSON),
    Section("Counts", "desk:counts", Action.SETTLE_COUNT),
    Section("Stock", "desk:stock", Action.SEE_DESK),
    Section("Programme", "desk:programme", Action.RUN_PROGRAMME),
    Section("Staff", "desk:staff", Action.APPOINT),
    Section("Audit", "desk:audit", Action.SEE_AUDIT),
)
