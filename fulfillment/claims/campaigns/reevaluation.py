"""Take up another policy, look at everybody again, and tell those who are newly admitted, once."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice

from django.db import transaction

from common.errors import BadRequest, FieldError
from config.jobs import defer
from fulfillment.claims.campaigns.invitations import email_invitation
from fulfillment.claims.models import Admission, Campaign, PolicyAdoption, Region
from fulfillment.claims.roster_facts import facts_of_roster
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from roster.models import Account, Policy
from roster.rules import Facts, Judge, parse_policy
from roster.selectors import critical_projects_of

REEVALUATE = "claims.reevaluate"
BATCH = 2_000


def adopt_policy(*, campaign_slug: str, version: str, actor: str, now: datetime) -> Campaign:
    """Have a campaign decide by another published policy from now on.

    Locks:  the campaign's row.
    Raises: BadRequest: no such campaign, no such policy, or one that is not in force yet.
    After commit: everybody is looked at again, and who is newly admitted is told.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().filter(slug=campaign_slug).first()
        if campaign is None:
            raise BadRequest([FieldError("campaign", "unknown_campaign", "There is no such campaign.")])
        policy = Policy.objects.published().filter(version=version, effective_at__lte=now).first()
        if policy is None:
            raise BadRequest(
                [FieldError("version", "not_in_force", f"Policy {version} is not published and in force.")]
            )
        if campaign.policy_id == policy.pk:
            return campaign
        adoption = PolicyAdoption.objects.create(
            campaign=campaign, before_id=campaign.policy_id, after=policy, at=now, actor=actor
        )
        campaign.policy = policy
        campaign.save(update_fields=["policy"])
        defer(REEVALUATE, campaign_id=campaign.pk, adoption_id=adoption.pk)
    return campaign


def reevaluate(*, campaign_id: int, now: datetime, adoption_id: int | None = None) -> int:
    """Look at everybody under the campaign's policy and tell those newly admitted; how many were told.

    Newly admitted is who was not when last looked at. Who is looked at for the first time is only noted,
    unless a policy was adopted: then they are looked at under the one before as well.

    Safe to repeat: what is told is told once a campaign and a policy.
    """
    campaign = Campaign.objects.select_related("policy").get(pk=campaign_id)
    if not campaign.opens_at <= now < campaign.closes_at:
        return 0
    adoption = adoption_id and PolicyAdoption.objects.select_related("before").get(pk=adoption_id)
    judge = Judge(parse_policy(campaign.policy.document), now)
    before = Judge(parse_policy(adoption.before.document), now) if adoption else None
    opened = _open_countries(now)
    told = 0
    for batch in _batches(facts_of_roster(campaign=campaign, now=now)):
        told += _look_at(batch, campaign=campaign, judge=judge, before=before, opened=opened, now=now)
    return told


def _open_countries(now: datetime) -> dict[str, datetime]:
    """Since when keys go to each country."""
    rows = Region.objects.in_force(now).filter(status=Region.Status.OPEN, key_model=None, subdivision="")
    return dict(rows.values_list("country", "valid_from"))


def _batches(everybody: Iterator[Facts]) -> Iterator[list[Facts]]:
    while batch := list(islice(everybody, BATCH)):
        yield batch


def _look_at(
    batch: list[Facts],
    *,
    campaign: Campaign,
    judge: Judge,
    before: Judge | None,
    opened: Mapping[str, datetime],
    now: datetime,
) -> int:
    with transaction.atomic():
        named = {account.username: account for account in Account.objects.filter(username__in=_names(batch))}
        standings = Admission.objects.filter(campaign=campaign, account__in=named.values())
        known = {standing.account_id: standing for standing in standings}
        changed, told = [], 0
        for facts in batch:
            account = named.get(facts.username)
            if account is None:  # renamed meanwhile; the next look has them
                continue
            is_admitted = _admits(judge, facts)
            standing = known.get(account.pk)
            was = standing.is_admitted if standing else None
            if was is None and before is not None:
                was = _admits(before, facts)
            if is_admitted and was is False and not facts.live_claims:
                opened_on = _opened_since(standing, account, opened)
                told += _tell(account, campaign, by_policy=before is not None, opened_on=opened_on, now=now)
            if standing is None or standing.is_admitted is not is_admitted:
                changed.append(
                    Admission(campaign=campaign, account=account, is_admitted=is_admitted, since=now)
                )
        Admission.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["campaign", "account"],
            update_fields=["is_admitted", "since"],
        )
    return told


def _names(batch: list[Facts]) -> list[str]:
    return [facts.username for facts in batch]


def _admits(judge: Judge, facts: Facts) -> bool:
    """Eligible or reviewed, whatever the country turns out to be, and as if there were no claim yet."""
    unclaimed = replace(facts, live_claims=0)
    aside = {"region"} if facts.country is None else set()
    return not any(outcome == "fail" and rule not in aside for rule, outcome in judge.outcomes(unclaimed))


def _opened_since(
    standing: Admission | None, account: Account, opened: Mapping[str, datetime]
) -> datetime | None:
    """When the country that the person named opened, if it was not open when they were last looked at."""
    since = opened.get(account.country)
    return since if standing and since and since > standing.since else None


def _tell(
    account: Account, campaign: Campaign, *, by_policy: bool, opened_on: datetime | None, now: datetime
) -> bool:
    if account.do_not_contact_since is not None:
        return False
    if by_policy:
        queue_notice(
            account_id=account.pk,
            template=Notice.Template.NOW_ELIGIBLE,
            context={
                "sponsor": campaign.sponsor or campaign.name,
                "closes_at": campaign.closes_at.isoformat(),
            },
            once=f"now_eligible:{campaign.slug}:{campaign.policy.version}:{account.pk}",
            country=account.country,
            now=now,
        )
        return True
    # It is not the rules that changed, it is what the roster says of them.
    projects = critical_projects_of(account)
    if projects:
        email_invitation(account=account, campaign=campaign, projects=projects, opened_on=opened_on, now=now)
    return bool(projects)
