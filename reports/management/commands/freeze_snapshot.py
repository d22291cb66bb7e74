"""Freeze what was published of a campaign, signed."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError


class Command(KeydeskCommand):
    help = "Freeze the published report of an ended campaign with its data, and sign it"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--campaign", metavar="SLUG", required=True)
        parser.add_argument(
            "--as-of",
            metavar="T",
            help="a date and time with a time zone; default: now, if the campaign has ended",
        )
        parser.add_argument("--output", metavar="FOLDER", type=Path, required=True, help="a new folder")

    def run(self, options: Options) -> JsonObject:
        from fulfillment.claims.models import Campaign
        from reports.as_of import moment_in_words, read_as_of
        from reports.snapshots.freezing import freeze_snapshot, signing_key

        slug, now = options["campaign"], clock.now()
        campaign = Campaign.objects.filter(slug=slug).first()
        if campaign is None:
            raise InputError("--campaign", f"{slug!r} is unknown.")
        if options["as_of"] is not None:
            as_of = read_as_of(options["as_of"], argument="--as-of", campaign_slug=slug, now=now)
        elif campaign.closes_at > now:
            raise InputError(
                "--campaign",
                f"{slug} closes on {moment_in_words(campaign.closes_at)}.",
                remedy="Give --as-of to freeze what is known so far.",
            )
        else:
            as_of = now
        key = signing_key(settings.ENVIRONMENT.snapshot_signing_key.get_secret_value())
        with self.progress(1, "Freezing") as steps:
            manifest = freeze_snapshot(
                campaign_slug=slug,
                as_of=as_of,
                smallest_group=settings.ENVIRONMENT.smallest_group,
                key=key,
                folder=options["output"],
            )
            steps.advance()
        return {"folder": str(options["output"]), **manifest}

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(
            f"{len(document['files'])} files as of {document['as_of']} are in {document['folder']}, "
            f"signed by the key whose public key is {document['public_key']}."
        )
