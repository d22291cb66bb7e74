"""Remind people who were invited and have not claimed, once."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from fulfillment.claims.models import Campaign, Claim
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from roster.selectors import critical_projects_of

REMIND_AFTER = timedelta(days=14)
# Later reminders would be of no use: an email on Friday evening is read on Monday.
LAST_CALL = timedelta(days=4)


def remind_invited(*, now: datetime) -> int:
    """Remind everyone whose invitation was sent two weeks ago; return how many.

    Safe to repeat: each person is reminded once in a campaign. No reminders go to people who have claimed,
    whatever the result; who opted out or want no emails; or who no longer have a critical project. None are
    sent in the last days of a campaign.
    """
    reminded = 0
    for campaign in Campaign.objects.filter(opens_at__lte=now, closes_at__gt=now + LAST_CALL).order_by("pk"):
        for invitation in _unanswered(campaign, now).iterator(chunk_size=1_000):
            reminded += _remind(invitation, campaign, now)
    return reminded


def _unanswered(campaign: Campaign, now: datetime) -> QuerySet[Notice]:
    """Invitations to the campaign that were sent long enough ago, without a claim or a reminder since."""
    reminders = Notice.objects.filter(
        template=Notice.Template.REMINDER,
        account=OuterRef("account"),
        key__startswith=f"reminder:{campaign.slug}:",
    )
    claims = Claim.objects.filter(campaign=campaign, account=OuterRef("account"))
    return (
        Notice.objects.filter(
            ~Exists(reminders),
            ~Exists(claims),
            template=Notice.Template.INVITATION,
            key__startswith=f"invitation:{campaign.slug}:",
            sent_at__lte=now - REMIND_AFTER,
            account__do_not_contact_since=None,
            account__opted_out_at=None,
        )
        .select_related("account")
        .order_by("pk")
    )


def _remind(invitation: Notice, campaign: Campaign, now: datetime) -> bool:
    account = invitation.account
    projects = critical_projects_of(account)
    if projects:
        queue_notice(
            account_id=account.pk,
            template=Notice.Template.REMINDER,
            context={"projects": projects, "closes_at": campaign.closes_at.isoformat()},
            once=f"reminder:{campaign.slug}:{account.pk}",
            country=account.country,
            now=now,
        )
    return bool(projects)
