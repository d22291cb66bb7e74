"""Monthly email of the published report."""

import hashlib
from datetime import date, datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from fulfillment.claims.models import Campaign
from reports import redemption_tables
from reports.as_of import day_of_release
from reports.cache import kept_release
from reports.exports import FORMATS
from reports.models import Mailing
from reports.tables import Report


def mail_monthly_report(*, now: datetime) -> int:
    """Send the report as of the start of the month to each subscriber without it; returns how many.

    Campaigns that ended before the start of the previous month are left out.

    Locks: the row of each mailing while it is sent, so that two workers do not both send it.
    """
    month = day_of_release(now).replace(day=1)
    sent = 0
    for campaign in Campaign.objects.filter(opens_at__lt=month, closes_at__gte=_month_before(month)):
        document = kept_release(
            campaign_slug=campaign.slug, as_of=month, smallest_group=settings.ENVIRONMENT.smallest_group
        )
        report = redemption_tables.published(document)
        pdf = FORMATS["pdf"].write(report)
        for address in settings.ENVIRONMENT.report_subscribers:
            sent += _send_once(address, campaign, month.date(), report, pdf, now=now)
    return sent


def _month_before(month: datetime) -> datetime:
    return (
        month.replace(year=month.year - 1, month=12)
        if month.month == 1
        else month.replace(month=month.month - 1)
    )


def _send_once(
    address: str, campaign: Campaign, month: date, report: Report, pdf: bytes, *, now: datetime
) -> bool:
    recipient = hashlib.sha256(address.lower().encode()).hexdigest()
    mailing, _ = Mailing.objects.get_or_create(
        month=month, campaign=campaign.slug, recipient=recipient, defaults={"sent_at": None}
    )
    with transaction.atomic():
        mine = Mailing.objects.select_for_update(skip_locked=True).filter(pk=mailing.pk, sent_at=None).first()
        if mine is None:
            return False
        _message(address, campaign, report, pdf).send()
        mine.sent_at = now
        mine.save(update_fields=["sent_at"])
    return True


def _message(address: str, campaign: Campaign, report: Report, pdf: bytes) -> EmailMultiAlternatives:
    context = {
        "campaign": campaign,
        "report": report,
        "url": f"{settings.SITE_URL}/stats/{campaign.slug}/",
    }
    message = EmailMultiAlternatives(
        subject=f"{report.title}, as of {report.as_of[:10]}",
        body=render_to_string("reports/mail.txt", context),
        to=[address],
    )
    message.attach(f"keys-redeemed-{campaign.slug}-{report.as_of[:7]}.pdf", pdf, "application/pdf")
    return message
