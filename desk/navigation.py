"""The sections of the desk, in the order its navigation shows them."""

from dataclasses import dataclass

from desk.roles import Action


@dataclass(frozen=True)
class NavigationEntry:
    """An entry of the navigation: label, URL name, and the action that its readers may do."""

    label: str
    url: str
    action: Action


SECTIONS = (
    NavigationEntry("Dashboard", "desk:today", Action.SEE_DESK),
    NavigationEntry("Warehouse", "desk:floor", Action.SEE_DESK),
    NavigationEntry("Claims", "desk:claims", Action.SEE_DESK),
    NavigationEntry("Parcels", "desk:parcels", Action.SEE_DESK),
    NavigationEntry("Cases", "desk:cases", Action.SEE_DESK),
    NavigationEntry("Approvals", "desk:second_names", Action.SEE_PERSON),
    NavigationEntry("Counts", "desk:counts", Action.SETTLE_COUNT),
    NavigationEntry("Stock", "desk:stock", Action.SEE_DESK),
    NavigationEntry("Programme", "desk:programme", Action.RUN_PROGRAMME),
    NavigationEntry("Staff", "desk:staff", Action.APPOINT),
    NavigationEntry("Audit", "desk:audit", Action.SEE_AUDIT),
)
