"""Nobody is mailed at night, and no invitation arrives on a Friday evening."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment.notices.contexts import NoticeContext
from fulfillment.notices.models import Notice
from fulfillment.notices.rules import Urgency, earliest_send_time, zone_of
from fulfillment.notices.services import queue_notice, send_notices
from roster.rules.countries import COUNTRIES
from roster.services.preferences import set_location
from tests.conftest import Roster

MONDAY_NOON = datetime(2022, 7, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("country", "urgency", "now", "expected"),
    [
        ("DE", Urgency.BY_DAY, "2022-07-11T12:00", "2022-07-11T12:00"),
        ("DE", Urgency.BY_DAY, "2022-07-11T18:00", "2022-07-12T06:00"),
        ("DE", Urgency.BY_DAY, "2022-07-11T03:00", "2022-07-11T06:00"),
        ("DE", Urgency.AT_ONCE, "2022-07-11T03:00", "2022-07-11T03:00"),
        ("JP", Urgency.BY_DAY, "2022-07-11T12:00", "2022-07-11T23:00"),
        ("US", Urgency.BY_DAY, "2022-07-11T12:00", "2022-07-11T13:00"),
        # The offset changes in the night between: eight o'clock is an hour earlier in UTC.
        ("DE", Urgency.BY_DAY, "2022-03-26T20:00", "2022-03-27T06:00"),
        # Friday at 18:17, as in 2022, becomes Monday morning.
        ("GB", Urgency.WORKING_DAY, "2022-07-08T17:17", "2022-07-11T08:00"),
        ("GB", Urgency.WORKING_DAY, "2022-07-08T10:00", "2022-07-11T08:00"),
        ("GB", Urgency.WORKING_DAY, "2022-07-07T16:30", "2022-07-11T08:00"),
        ("GB", Urgency.WORKING_DAY, "2022-07-07T15:30", "2022-07-07T15:30"),
        ("", Urgency.BY_DAY, "2022-07-11T21:00", "2022-07-12T08:00"),
        ("ZZ", Urgency.BY_DAY, "2022-07-11T12:00", "2022-07-11T12:00"),
    ],
)
def test_it_waits_for_the_recipients_day(country: str, urgency: Urgency, now: str, expected: str) -> None:
    moment = earliest_send_time(datetime.fromisoformat(now + "+00:00"), country=country, urgency=urgency)
    assert moment.astimezone(UTC) == datetime.fromisoformat(expected + "+00:00")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(sorted(COUNTRIES)),
    st.sampled_from(Urgency),
    st.datetimes(datetime(2022, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_it_is_never_early_never_at_night_and_never_late(
    country: str, urgency: Urgency, now: datetime
) -> None:
    moment = earliest_send_time(now, country=country, urgency=urgency)
    assert now <= moment <= now + timedelta(days=5)
    if urgency == Urgency.AT_ONCE:
        assert moment == now
        return
    local = moment.astimezone(zone_of(country, now))
    assert 7 <= local.hour < 21  # an hour's leave, for the night in which the clocks change
    if urgency == Urgency.WORKING_DAY:
        assert local.weekday() < 4


def test_a_large_country_is_taken_at_its_middle() -> None:
    assert zone_of("DE", MONDAY_NOON) in (ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Busingen"))
    assert MONDAY_NOON.astimezone(zone_of("US", MONDAY_NOON)).hour == 7
    assert zone_of("", MONDAY_NOON) == ZoneInfo("UTC")


def test_the_zone_somebody_named_goes_before_their_country() -> None:
    night_in_berlin = datetime(2022, 7, 11, 21, tzinfo=UTC)
    for zone, expected in (
        ("America/Los_Angeles", night_in_berlin),
        ("", datetime(2022, 7, 12, 6, tzinfo=UTC)),
        ("Atlantis/Capital", datetime(2022, 7, 12, 6, tzinfo=UTC)),
    ):
        moment = earliest_send_time(night_in_berlin, country="DE", time_zone=zone, urgency=Urgency.BY_DAY)
        assert moment == expected


@pytest.mark.django_db
def test_an_invitation_waits_for_the_office_hours_of_the_zone_somebody_named(roster: Roster) -> None:
    owner = roster["m-owner"]
    set_location(account=owner, country="US", time_zone="Pacific/Honolulu", actor="m", now=MONDAY_NOON)
    queue_notice(
        account_id=owner.pk, template=Notice.Template.INVITATION, country="US", context={}, now=MONDAY_NOON
    )
    assert Notice.objects.get().due_at.astimezone(ZoneInfo("Pacific/Honolulu")).hour == 9


@pytest.mark.django_db
def test_a_parcels_news_waits_for_the_morning_and_a_confirmation_does_not(roster: Roster) -> None:
    night = MONDAY_NOON + timedelta(hours=11)  # one in the morning in Berlin
    contexts: dict[Notice.Template, NoticeContext] = {
        Notice.Template.SHIPPED: {"carrier": "DHL", "tracking_code": "1"},
        Notice.Template.CONFIRMED: {"quantity": 2},
    }
    for template, context in contexts.items():
        queue_notice(
            account_id=roster["m-owner"].pk,
            template=template,
            claim_code="C-1",
            context=context,
            country="DE",
            now=night,
        )
    assert send_notices(now=night) == 1
    assert Notice.objects.get(sent_at=None).template == "shipped"
    assert send_notices(now=night + timedelta(hours=7)) == 1
