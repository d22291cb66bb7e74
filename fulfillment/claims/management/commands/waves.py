"""`manage.py waves`: list, plan and cancel waves of invitations."""

from argparse import ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count, Q

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import BadRequest, FieldError
from fulfillment.claims.campaigns.invitations import Cohort, cancel_wave, plan_wave
from fulfillment.claims.errors import UnknownWave
from fulfillment.claims.models import Campaign, Wave
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.files.source import read_source
from roster.management.commands._arguments import a_count, operator


def a_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_moment(text) from None
    if moment.tzinfo is None:
        raise _no_moment(text)
    return moment


def _no_moment(text: str) -> ArgumentTypeError:
    return ArgumentTypeError(f"{text!r} is not a time with its UTC offset, such as 2022-07-11T12:00:00Z")


class Command(KeydeskCommand):
    help = (
        "List the waves of a campaign. With --plan, create a wave with the people of a cohort who are in no "
        "other wave; each is invited in the working hours of their country. With --cancel, cancel a wave."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--campaign", metavar="SLUG", help="default: the open campaign")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--plan", metavar="NAME", help="name of a new wave")
        what.add_argument("--cancel", metavar="NAME", help="cancel a wave that has not started")
        parser.add_argument(
            "--invites-at", type=a_moment, metavar="T", help="start of the invitations; default: now"
        )
        parser.add_argument(
            "--first-rank", type=a_count, metavar="N", help="lowest rank of projects by downloads"
        )
        parser.add_argument("--last-rank", type=a_count, metavar="N", help="highest rank")
        parser.add_argument("--project", action="append", default=[], metavar="P", help="may be repeated")
        parser.add_argument("--country", action="append", default=[], metavar="CC", help="may be repeated")
        parser.add_argument("--usernames", type=Path, metavar="FILE", help="one username per line")

    def run(self, options: Options) -> JsonObject:
        now = clock.now()
        campaign = campaign_by_slug(options["campaign"]) if options["campaign"] else current_campaign(now)
        if campaign is None:
            raise BadRequest(
                [FieldError("campaign", "required", "No campaign is open. Choose one with --campaign.")]
            )
        if options["plan"] is not None:
            plan_wave(
                campaign=campaign,
                name=options["plan"],
                cohort=_cohort(options),
                invites_at=options["invites_at"] or now,
                actor=operator(),
                now=now,
            )
        elif options["cancel"] is not None:
            _cancel(campaign, options["cancel"], now)
        return {"campaign": campaign.slug, "waves": _described_waves(campaign)}

    def show(self, document: dict[str, Any]) -> None:
        if not document["waves"]:
            self.stdout.write(f"{document['campaign']} has no waves: everyone can claim at once.")
        for wave in document["waves"]:
            self.stdout.write(
                "{name}: {state}, from {invites_at:%Y-%m-%d %H:%M} UTC; {members} people, {invited} invited, "
                "{mailed} of them by email".format(**wave)
            )


def _cohort(options: Options) -> Cohort:
    listed = options["usernames"]
    return Cohort(
        first_rank=options["first_rank"],
        last_rank=options["last_rank"],
        projects=options["project"],
        countries=options["country"],
        usernames=read_source(listed).text.split() if listed else (),
    )


def _cancel(campaign: Campaign, name: str, now: datetime) -> None:
    wave = Wave.objects.filter(campaign=campaign, name=name).first()
    if wave is None:
        raise UnknownWave
    cancel_wave(wave_id=wave.pk, actor=operator(), now=now)


def _described_waves(campaign: Campaign) -> list[JsonObject]:
    counted = Wave.objects.filter(campaign=campaign).annotate(
        members=Count("invitations"),
        invited=Count("invitations", filter=Q(invitations__invited_at__isnull=False)),
        mailed=Count("invitations", filter=Q(invitations__was_mailed=True)),
    )
    return [
        {
            "name": wave.name,
            "state": _state(wave, is_complete=wave.invited == wave.members),
            "cohort": wave.cohort,
            "invites_at": wave.invites_at,
            "members": wave.members,
            "invited": wave.invited,
            "mailed": wave.mailed,
            "planned_by": wave.created_by,
        }
        for wave in counted.order_by("invites_at", "pk")
    ]


def _state(wave: Wave, *, is_complete: bool) -> str:
    if wave.cancelled_at is not None:
        return "cancelled"
    if wave.started_at is None:
        return "not started"
    return "all invited" if is_complete else "in progress"
