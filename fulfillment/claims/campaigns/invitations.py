"""Plan, send and cancel waves of invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from common.errors import BadRequest, FieldError
from config.jobs import wake
from fulfillment.claims.errors import UnknownWave
from fulfillment.claims.models import Campaign, Invitation, Wave
from fulfillment.notices.contexts import NoticeContext
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from roster.files.names import normalized
from roster.models import Account
from roster.rules import COUNTRIES
from roster.selectors import critical_projects_of, effective_delegations, effective_roles

INVITE_WAVES = "claims.invite_waves"


@dataclass(frozen=True)
class Cohort:
    """The criteria of a wave: it takes the people who meet all that are given.

    `first_rank` to `last_rank` are ranks of projects by downloads when they were designated, both included.
    """

    first_rank: int | None = None
    last_rank: int | None = None
    projects: Sequence[str] = ()
    countries: Sequence[str] = ()
    usernames: Sequence[str] = ()

    def as_document(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if value not in (None, (), [])}


def accounts_in(cohort: Cohort) -> QuerySet[Account]:
    """The people of a cohort: those with a role on a critical project or a delegation, without organisations
    and people who opted out."""
    fits = _projects_of(cohort)
    people = Account.objects.filter(
        Exists(effective_roles().filter(fits, account=OuterRef("pk")))
        | Exists(effective_delegations().filter(fits, account=OuterRef("pk"))),
        is_organization=False,
        opted_out_at=None,
    )
    if cohort.countries:
        people = people.filter(country__in=cohort.countries)
    if cohort.usernames:
        people = people.annotate(lower_username=Lower("username")).filter(
            lower_username__in=[name.lower() for name in cohort.usernames]
        )
    return people


def _projects_of(cohort: Cohort) -> Q:
    fits = Q(project__critical_since__isnull=False)
    if cohort.projects:
        fits &= Q(project__normalized_name__in=[normalized(name) for name in cohort.projects])
    if cohort.first_rank is not None:
        fits &= Q(project__designations__rank__gte=cohort.first_rank)
    if cohort.last_rank is not None:
        fits &= Q(project__designations__rank__lte=cohort.last_rank)
    return fits


def plan_wave(
    *, campaign: Campaign, name: str, cohort: Cohort, invites_at: datetime, actor: str, now: datetime
) -> Wave:
    """Create a wave with the people of a cohort who are in no wave yet, to be invited from a date on.

    Raises: BadRequest: an empty cohort, an unknown country or username, a name already taken.
    After commit: a job invites them when the date has come.
    """
    if problems := _problems(name, cohort):
        raise BadRequest(problems)
    try:
        with transaction.atomic():
            wave = Wave.objects.create(
                campaign=campaign,
                name=name.strip(),
                cohort=cohort.as_document(),
                invites_at=invites_at,
                created_at=now,
                created_by=actor,
            )
            people = accounts_in(cohort).order_by("pk").values_list("pk", flat=True)
            Invitation.objects.bulk_create(
                [Invitation(campaign=campaign, wave=wave, account_id=person) for person in people],
                ignore_conflicts=True,
                batch_size=5_000,
            )
            if not wave.invitations.exists():
                raise BadRequest(
                    [
                        FieldError(
                            "cohort", "empty", "Everyone who meets these criteria is already in another wave."
                        )
                    ]
                )
    except IntegrityError as error:
        if "waves_have_names_of_their_own" not in str(error):
            raise
        raise BadRequest([FieldError("name", "taken", "A wave with this name already exists.")]) from None
    wake(INVITE_WAVES)
    return wave


def _problems(name: str, cohort: Cohort) -> list[FieldError]:
    problems = []
    if not name.strip() or len(name) > 100:
        problems.append(FieldError("name", "required", "Enter a name of up to 100 characters."))
    if not cohort.as_document():
        problems.append(FieldError("cohort", "required", "Enter ranks, projects, countries or usernames."))
    if bad := [country for country in cohort.countries if country not in COUNTRIES]:
        problems.append(
            FieldError("countries", "unknown_country", f"Not a valid country code: {', '.join(bad)}.")
        )
    if cohort.usernames:
        known = Account.objects.annotate(lower_username=Lower("username")).filter(
            lower_username__in=[name.lower() for name in cohort.usernames]
        )
        found = set(known.values_list("lower_username", flat=True))
        if missing := [name for name in cohort.usernames if name.lower() not in found]:
            problems.append(
                FieldError(
                    "usernames", "unknown_maintainer", f"Not on the roster: {', '.join(missing[:20])}."
                )
            )
    return problems


def cancel_wave(*, wave_id: int, actor: str, now: datetime) -> None:
    """Cancel a wave before it starts; its people can be put into another.

    Raises: UnknownWave: it does not exist, or has started.
    """
    with transaction.atomic():
        waiting = Wave.objects.filter(pk=wave_id, started_at=None, cancelled_at=None)
        if not waiting.update(cancelled_at=now, cancelled_by=actor):
            raise UnknownWave
        Invitation.objects.filter(wave_id=wave_id).delete()


def invite_due_waves(*, now: datetime) -> int:
    """Invite the members of every due wave who are not invited yet; return how many.

    Safe to repeat: each member is invited in a transaction of their own.
    """
    due = Wave.objects.filter(invites_at__lte=now, cancelled_at=None, invitations__invited_at=None)
    invited = 0
    for wave in due.select_related("campaign").distinct().order_by("invites_at", "pk"):
        if now >= wave.campaign.closes_at:
            continue
        Wave.objects.filter(pk=wave.pk, started_at=None, cancelled_at=None).update(started_at=now)
        for member in wave.invitations.filter(invited_at=None).order_by("pk").iterator(chunk_size=1_000):
            invited += _invite(member.pk, wave, now)
    return invited


def _invite(invitation_id: int, wave: Wave, now: datetime) -> bool:
    with transaction.atomic():
        mine = Invitation.objects.select_for_update(skip_locked=True).select_related("account")
        member = mine.filter(pk=invitation_id, invited_at=None).first()
        if member is None:
            return False
        account = member.account
        projects = critical_projects_of(account)
        # People who want no emails are invited all the same: their page shows it when they visit.
        sends_email = bool(projects) and not (account.do_not_contact_since or account.opted_out_at)
        member.invited_at, member.was_mailed = now, sends_email
        member.save(update_fields=["invited_at", "was_mailed"])
        if sends_email:
            email_invitation(account=account, campaign=wave.campaign, projects=projects, now=now)
    return True


def email_invitation(
    *,
    account: Account,
    campaign: Campaign,
    projects: Sequence[str],
    now: datetime,
    opened_on: datetime | None = None,
) -> None:
    """Queue the invitation email, once per campaign, for the recipient's working hours.

    Args: opened_on: the date their country opened, if an earlier invitation was of no use to them.
    """
    opening = f":{account.country}:{opened_on.date()}" if opened_on else ""
    queue_notice(
        account_id=account.pk,
        template=Notice.Template.INVITATION,
        context=invitation_context(campaign, projects),
        once=f"invitation:{campaign.slug}:{account.pk}{opening}",
        country=account.country,
        now=now,
    )


def invitation_context(campaign: Campaign, projects: Sequence[str]) -> NoticeContext:
    return {
        "projects": list(projects),
        "quantity": campaign.per_claim,
        "sponsor": campaign.sponsor or campaign.name,
        "closes_at": campaign.closes_at.isoformat(),
    }
