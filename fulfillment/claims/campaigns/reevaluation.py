"""Adopt a policy, re-evaluate everyone on the roster, and tell those who are newly eligible, once."""

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
from roster.rules import BatchDecider, Facts, parse_policy
from roster.selectors import critical_projects_of

REEVALUATE = "claims.reevaluate"
BATCH = 2_000


def adopt_policy(*, campaign_slug: str, version: str, actor: str, now: datetime) -> Campaign:
    """Switch a campaign to another published policy.

    Locks:  the campaign's row.
    Raises: BadRequest: no such campaign, no such policy, or one that is not in force yet.
    After commit: everyone is re-evaluated, and the newly eligible are notified.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().filter(slug=campaign_slug).first()
        if campaign is None:
            raise BadRequest([FieldError("campaign", "unknown_campaign", "The campaign does not exist.")])
        policy = Policy.objects.published().filter(version=version, effective_at__lte=now).first()
        if policy is None:
            raise BadRequest(
                [
                    FieldError(
                        "version", "not_in_force", f"Policy {version} is not published or not in force yet."
                    )
                ]
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
    """Evaluate everyone under the campaign's policy and notify the newly eligible; return how many.

    Newly eligible: not admitted at the last evaluation. A first evaluation is only recorded, unless a policy
    was adopted: then people are evaluated under the previous one as well.

    Safe to repeat: people are notified once per campaign and policy.
    """
    campaign = Campaign.objects.select_related("policy").get(pk=campaign_id)
    if not campaign.opens_at <= now < campaign.closes_at:
        return 0
    adoption = adoption_id and PolicyAdoption.objects.select_related("before").get(pk=adoption_id)
    judge = BatchDecider(parse_policy(campaign.policy.document), now)
    before = BatchDecider(parse_policy(adoption.before.document), now) if adoption else None
    opened = _open_countries(now)
    notified = 0
    for batch in _batches(facts_of_roster(campaign=campaign, now=now)):
        notified += _evaluate(batch, campaign=campaign, judge=judge, before=before, opened=opened, now=now)
    return notified


def _open_countries(now: datetime) -> dict[str, datetime]:
    """The date from which keys can be sent, by open country."""
    rows = Region.objects.in_force(now).filter(status=Region.Status.OPEN, key_model=None, subdivision="")
    return dict(rows.values_list("country", "valid_from"))


def _batches(facts_of_all: Iterator[Facts]) -> Iterator[list[Facts]]:
    while batch := list(islice(facts_of_all, BATCH)):
        yield batch


def _evaluate(
    batch: list[Facts],
    *,
    campaign: Campaign,
    judge: BatchDecider,
    before: BatchDecider | None,
    opened: Mapping[str, datetime],
    now: datetime,
) -> int:
    with transaction.atomic():
        named = {account.username: account for account in Account.objects.filter(username__in=_names(batch))}
        admissions = Admission.objects.filter(campaign=campaign, account__in=named.values())
        known = {admission.account_id: admission for admission in admissions}
        changed, notified = [], 0
        for facts in batch:
            account = named.get(facts.username)
            if account is None:  # renamed meanwhile; the next evaluation has them
                continue
            is_admitted = _admits(judge, facts)
            admission = known.get(account.pk)
            was = admission.is_admitted if admission else None
            if was is None and before is not None:
                was = _admits(before, facts)
            if is_admitted and was is False and not facts.live_claims:
                opened_on = _opened_since(admission, account, opened)
                notified += _tell(
                    account, campaign, by_policy=before is not None, opened_on=opened_on, now=now
                )
            if admission is None or admission.is_admitted is not is_admitted:
                changed.append(
                    Admission(campaign=campaign, account=account, is_admitted=is_admitted, since=now)
                )
        Admission.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["campaign", "account"],
            update_fields=["is_admitted", "since"],
        )
    return notified


def _names(batch: list[Facts]) -> list[str]:
    return [facts.username for facts in batch]


def _admits(judge: BatchDecider, facts: Facts) -> bool:
    """Whether the account would be eligible or reviewed without its claims; an unknown country is ignored."""
    unclaimed = replace(facts, live_claims=0)
    ignored = {"region"} if facts.country is None else set()
    return not any(outcome == "fail" and rule not in ignored for rule, outcome in judge.outcomes(unclaimed))


def _opened_since(
    admission: Admission | None, account: Account, opened: Mapping[str, datetime]
) -> datetime | None:
    """The date the person's country opened, if that was after their last evaluation."""
    since = opened.get(account.country)
    return since if admission and since and since > admission.since else None


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
    # Not the rules have changed, but the roster's data about the person.
    projects = critical_projects_of(account)
    if projects:
        email_invitation(account=account, campaign=campaign, projects=projects, opened_on=opened_on, now=now)
    return bool(projects)
