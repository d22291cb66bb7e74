"""When a mail may arrive: nobody is written to at night, nor about good news on a Friday evening."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

# Local time in which mails that can wait arrive.
MORNING, EVENING = time(8), time(20)
OFFICE_OPENS, OFFICE_CLOSES = time(9), time(17)
FRIDAY = 4


class Manner(Enum):
    """How soon a message is mailed."""

    AT_ONCE = "at_once"  # the person is waiting for it, or has just done what it confirms
    BY_DAY = "by_day"  # not at night
    WORKING_DAY = "working_day"  # we begin the conversation: Monday to Thursday, in office hours


@cache
def _zones() -> Mapping[str, list[str]]:
    """Time zones by country, from CLDR."""
    by_country: dict[str, list[str]] = {}
    for zone, country in get_global("zone_territories").items():
        by_country.setdefault(country, []).append(zone)
    return by_country


def zone_of(country: str, at: datetime) -> ZoneInfo:
    """A time zone that stands for a country: the middle one of those it has; UTC where none is known.

    Args: country: ISO 3166-1 alpha-2, or empty.
    """
    zones = sorted(
        _zones_of(country), key=lambda zone: (at.astimezone(zone).utcoffset() or timedelta(0), zone.key)
    )
    return zones[len(zones) // 2] if zones else ZoneInfo("UTC")


# A name that is not known is looked for in many places, each time.
@cache
def _zones_of(country: str) -> Sequence[ZoneInfo]:
    zones = []
    for name in _zones().get(country, ()):
        try:
            zones.append(ZoneInfo(name))
        except ZoneInfoNotFoundError:  # CLDR keeps names that the machine's own list may have dropped
            continue
    return zones


def polite_moment(now: datetime, *, country: str, manner: Manner, time_zone: str = "") -> datetime:
    """The first moment from now on at which a message of this manner may arrive.

    Args: now: aware. country: where the recipient is, as far as known.
          time_zone: the recipient's own, by its name; it goes before the country's.
    """
    if manner == Manner.AT_ONCE:
        return now
    opens, closes = (OFFICE_OPENS, OFFICE_CLOSES) if manner == Manner.WORKING_DAY else (MORNING, EVENING)
    local = now.astimezone(_named(time_zone) or zone_of(country, now))
    if local.timetz().replace(tzinfo=None) >= closes:
        local = _morning_of(local + timedelta(days=1), opens)
    elif local.timetz().replace(tzinfo=None) < opens:
        local = _morning_of(local, opens)
    while manner == Manner.WORKING_DAY and local.weekday() >= FRIDAY:
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
