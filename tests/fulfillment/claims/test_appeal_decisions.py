"""Who appealed is told the answer once, when it is final; and who was invited is reminded once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from fulfillment.claims.campaigns.invitations import Cohort, invite_due_waves, plan_wave
from fulfillment.claims.campaigns.reminders import LAST_CALL, REMIND_AFTER, remind_invited
from fulfillment.claims.models import Campaign
from fulfillment.claims.services import appeal_decisions
from fulfillment.notices.models import Notice
from fulfillment.notices.rendering import compose_email
from fulfillment.notices.services import send_notices
from roster.errors import SecondPersonNeeded, UnknownRecord
from roster.models import Account, Appeal
from roster.services import appeals
from roster.services.preferences import do_not_contact, opt_out
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db


@pytest.fixture
def appeal(roster: Roster, now: datetime) -> Appeal:
    return appeals.make_appeal(
        account=roster["m-second"], rule="two_factor", text="My phone broke.", actor="m", now=now
    )


def granted(appeal: Appeal, now: datetime) -> int:
    """Asked for by one of the staff; the exception that waits for the other."""
    until = now + timedelta(days=30)
    appeals.grant_appeal(appeal_id=appeal.pk, answer="Go on.", expires_at=until, actor="staff:1", now=now)
    appeal.refresh_from_db()
    assert appeal.exception_id is not None
    return appeal.exception_id


def told() -> list[tuple[str, dict[str, object]]]:
    return list(Notice.objects.filter(template="appeal_answered").values_list("account__username", "context"))


def test_a_refusal_is_told_with_its_reason_and_leads_to_the_rules(appeal: Appeal, now: datetime) -> None:
    appeal_decisions.decline_appeal_and_notify(
        appeal_id=appeal.pk, answer="It works again.", actor="staff:1", now=now
    )
    assert told() == [("m-second", {"granted": False, "answer": "It works again."})]
    mail = compose_email(Notice.objects.get()).email
    assert "It works again." in mail.body
    assert "/standing/" in mail.body
    with pytest.raises(UnknownRecord):
        appeal_decisions.decline_appeal_and_notify(
            appeal_id=appeal.pk, answer="Again.", actor="staff:1", now=now
        )
    assert len(told()) == 1


def test_a_yes_is_told_when_the_second_name_is_given_and_not_before(appeal: Appeal, now: datetime) -> None:
    exception = granted(appeal, now)
    assert told() == []
    with pytest.raises(SecondPersonNeeded):
        appeal_decisions.grant_exception_and_notify(exception_id=exception, actor="staff:1", now=now)
    assert told() == []
    appeal_decisions.grant_exception_and_notify(exception_id=exception, actor="staff:2", now=now)
    assert told() == [("m-second", {"granted": True, "answer": "Go on."})]
    assert "/standing/" not in compose_email(Notice.objects.get()).email.body
    appeal_decisions.end_exception_and_notify(
        exception_id=exception, because="No longer needed.", actor="staff:1", now=now
    )
    assert len(told()) == 1


def test_a_second_name_refused_is_told_as_a_no(appeal: Appeal, now: datetime) -> None:
    exception = granted(appeal, now)
    appeal_decisions.end_exception_and_notify(
        exception_id=exception, because="Not enough.", actor="staff:2", now=now
    )
    assert told() == [("m-second", {"granted": False, "answer": "Not enough."})]


def test_an_exception_nobody_appealed_for_is_told_to_nobody(roster: Roster, now: datetime) -> None:
    from roster.services.exceptions import request_exception

    asked = request_exception(
        account_id=roster["m-second"].pk,
        rule="two_factor",
        reason="Lost it.",
        expires_at=now + timedelta(days=3),
        actor="staff:1",
        now=now,
    )
    appeal_decisions.grant_exception_and_notify(exception_id=asked.pk, actor="staff:2", now=now)
    assert told() == []


@pytest.fixture
def invited(roster: Roster, campaign: Campaign, now: datetime) -> datetime:
    """All of the critical project are invited; the moment their mails left."""
    plan_wave(
        campaign=campaign,
        name="all",
        cohort=Cohort(first_rank=1),
        invites_at=now,
        actor="staff:1",
        now=now,
    )
    left = now + timedelta(days=1)
    assert invite_due_waves(now=now) == 3
    assert send_notices(now=left) == 3
    return left


def reminded() -> list[str]:
    return sorted(Notice.objects.filter(template="reminder").values_list("account__username", flat=True))


def test_an_invitation_nobody_followed_is_reminded_of_once(invited: datetime) -> None:
    assert remind_invited(now=invited + REMIND_AFTER - timedelta(seconds=1)) == 0
    due = invited + REMIND_AFTER
    assert remind_invited(now=due) == 3
    assert remind_invited(now=due) == remind_invited(now=due + REMIND_AFTER) == 0
    assert reminded() == ["m-guarded", "m-owner", "m-second"]
    mail = compose_email(Notice.objects.filter(template="reminder")[0]).email
    assert "keystone-lib" in mail.body
    assert "List-Unsubscribe" in mail.extra_headers


@pytest.mark.usefixtures("stock")
def test_who_claimed_or_wants_no_mail_is_not_reminded(
    invited: datetime, roster: Roster, make_claim: MakeClaim
) -> None:
    make_claim("m-owner")
    do_not_contact(account=roster["m-second"], actor="m", now=invited)
    assert remind_invited(now=invited + REMIND_AFTER) == 1
    assert reminded() == ["m-guarded"]


Withdraw = Callable[[Account, datetime], None]


def _leaves(account: Account, now: datetime) -> None:
    opt_out(account=account, actor="m", now=now)


def _bounced(account: Account, now: datetime) -> None:
    Notice.objects.filter(account=account).update(sent_at=None, failed_at=now)


@pytest.mark.parametrize("withdraw", [_leaves, _bounced])
def test_who_left_or_was_never_reached_is_not_reminded(
    invited: datetime, roster: Roster, withdraw: Withdraw
) -> None:
    withdraw(roster["m-owner"], invited)
    assert remind_invited(now=invited + REMIND_AFTER) == 2
    assert reminded() == ["m-guarded", "m-second"]


def test_nobody_is_reminded_in_the_last_days(invited: datetime, campaign: Campaign) -> None:
    due = invited + REMIND_AFTER
    Campaign.objects.filter(pk=campaign.pk).update(closes_at=due + LAST_CALL)
    assert remind_invited(now=due) == 0
