"""Report dates: parse and validate the requested date, and find the release that was current
at it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connection

from common.errors import InputError

_START = """
    SELECT least(
        min(least(created_at, opens_at)),
        CASE WHEN %(slug)s::text IS NULL THEN (SELECT min(moved_at) FROM inventory_movement) END
    )
    FROM claims_campaign
    WHERE %(slug)s::text IS NULL OR slug = %(slug)s
"""


def read_as_of(text: str, *, argument: str, campaign_slug: str | None, now: datetime) -> datetime:
    """Parse the requested date and time.

    Args:   argument: the option or field that gave it, for the message.
    Raises: InputError: not a date and time, without zone, in the future, or before the programme began.
    """
    moment = _parse(text, argument)
    if moment > now:
        raise InputError(
            argument, f"{moment_in_words(moment)} is in the future; it is {moment_in_words(now)}."
        )
    start = programme_start(campaign_slug)
    if start is not None and moment < start:
        raise InputError(
            argument, f"{moment_in_words(moment)} is before the programme began, on {moment_in_words(start)}."
        )
    return moment


def _parse(text: str, argument: str) -> datetime:
    example = "Write it like 2022-07-11T12:00:00Z."
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            raise InputError(argument, f"{text!r} has no time and zone.", remedy=example)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(argument, f"{text!r} is not a date and time.", remedy=example) from None


def programme_start(campaign_slug: str | None) -> datetime | None:
    """When the campaign was created or opened, whichever is earlier. For all campaigns: the earliest, or when
    the first unit was is the number received. None when there is nothing yet."""
    with connection.cursor() as cursor:
        cursor.execute(_START, {"slug": campaign_slug})
        row: tuple[Any, ...] = cursor.fetchone() or (None,)
    start: datetime | None = row[0]
    return start


def week_of_release(moment: datetime) -> datetime:
    """The release of the cuts that was current at a moment: the start of its ISO week."""
    day = day_of_release(moment)
    return day - timedelta(days=day.weekday())


def day_of_release(moment: datetime) -> datetime:
    """The release of the headline that was current at a moment: the start of its UTC day."""
    assert moment.utcoffset() == timedelta(0), "moments are in UTC here"
    return datetime.combine(moment.date(), time(), moment.tzinfo)


def moment_in_words(moment: datetime) -> str:
    """Format a moment as all documents do: RFC 3339, UTC, Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
