"""Send times: no email arrives at night, and none that starts a conversation on a Friday evening."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

# Local times between which emails that can wait arrive.
MORNING, EVENING = time(8), time(20)
OFFICE_OPENS, OFFICE_CLOSES = time(9), time(17)
FRIDAY = 4


class Urgency(Enum):
    """How soon a message is emailed."""

    AT_ONCE = "at_once"  # the recipient is waiting for it, or has just done what it confirms
    BY_DAY = "by_day"  # not at night
    WORKING_DAY = "working_day"  # we start the conversation: Monday to Thursday, in office hours


@cache
def _zones() -> Mapping[str, list[str]]:
    """Time zones by country, from CLDR."""
    by_country: dict[str, list[str]] = {}
    for zone, country in get_global("zone_territories").items():
        by_country.setdefault(country, []).append(zone)
    return by_country


def zone_of(country: str, at: datetime) -> ZoneInfo:
    """A representative time zone of a country: the middle one of those it has; UTC where none is known.

    Args: country: ISO 3166-1 alpha-2, or empty.
    """
    zones = sorted(
        _zones_of(country), key=lambda zone: (at.astimezone(zone).utcoffset() or timedelta(0), zone.key)
    )
    return zones[len(zones) // 2] if zones else ZoneInfo("UTC")


# Cached because an unknown name is looked for in many places, each time.
@cache
def _zones_of(country: str) -> Sequence[ZoneInfo]:
    zones = []
    for name in _zones().get(country, ()):
        try:
            zones.append(ZoneInfo(name))
        except ZoneInfoNotFoundError:  # CLDR keeps names that the machine's own list may have dropped
            continue
    return zones


def earliest_send_time(now: datetime, *, country: str, urgency: Urgency, time_zone: str = "") -> datetime:
    """The earliest time from now at which a message of this urgency may arrive.

    Args: now: aware. country: of the recipient, or empty.
          time_zone: the name of the zone the recipient chose; it takes precedence over the country's.
    """
    if urgency == Urgency.AT_ONCE:
        return now
    opens, closes = (OFFICE_OPENS, OFFICE_CLOSES) if urgency == Urgency.WORKING_DAY else (MORNING, EVENING)
    local = now.astimezone(_named(time_zone) or zone_of(country, now))
    if local.timetz().replace(tzinfo=None) >= closes:
        local = _morning_of(local + timedelta(days=1), opens)
    elif local.timetz().replace(tzinfo=None) < opens:
        local = _morning_of(local, opens)
    while urgency == Urgency.WORKING_DAY and local.weekday() >= FRIDAY:
        local = _morning_of(local + timedelta(days=1), opens)
    return max(now, local.astimezone(now.tzinfo))


def _named(time_zone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(time_zone) if time_zone else None
    except ZoneInfoNotFoundError:  # known when it was chosen, and no longer
        return None


def _morning_of(day: datetime, opens: time) -> datetime:
    # Wall-clock arithmetic in the same zone; the offset is looked up anew for that day.
    return day.replace(hour=opens.hour, minute=opens.minute, second=0, microsecond=0)
