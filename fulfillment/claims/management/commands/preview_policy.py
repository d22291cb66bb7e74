"""`manage.py preview_policy --policy FILE`: who would become eligible or lose eligibility."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError, InputErrors
from fulfillment.claims.campaigns.policy_preview import EmptyRoster, preview_over_the_roster
from fulfillment.claims.models import Campaign
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.errors import DocumentError
from roster.files.json_documents import read_document
from roster.rules import PolicyDocument, parse_policy

NAMED = 20


class Command(KeydeskCommand):
    help = "Decide the whole roster under the current and a proposed policy: who gains, who loses, and why."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--policy", type=Path, required=True, metavar="FILE", help="the rules, as JSON")
        parser.add_argument("--current", type=Path, metavar="FILE", help="compare with this policy instead")
        parser.add_argument("--campaign", metavar="SLUG", help="default: the open campaign")

    def run(self, options: Options) -> JsonObject:
        now = clock.now()
        proposed = _read(options["policy"])
        campaign: Campaign | None = (
            campaign_by_slug(options["campaign"]) if options["campaign"] else current_campaign(now)
        )
        current = _read(options["current"]) if options["current"] else None
        try:
            with self.progress(None, "people") as steps:
                found = preview_over_the_roster(
                    proposed=proposed, current=current, campaign=campaign, now=now, seen=steps.advance
                )
        except EmptyRoster as error:
            raise InputError(
                "roster", str(error), remedy="Run import_accounts and import_roles first."
            ) from None
        return found.as_document()

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write("From {current} to {proposed}:".format(**document))
        for sentence in document["difference"] or ["No rule changes."]:
            self.stdout.write(f"  {sentence}")
        self.stdout.write(
            "{people} people: {gained} gain, {lost} lose, {unchanged} unchanged.".format(**document["counts"])
        )
        for change in ("gained", "lost"):
            names = document[change]
            if names:
                more = f" and {len(names) - NAMED} more (--json names all)" if len(names) > NAMED else ""
                self.stdout.write(f"{change}: {', '.join(names[:NAMED])}{more}")
        for rule, found in document["by_rule"].items():
            self.stdout.write(
                f"  {rule:<26} fails {found['fails_before']} -> {found['fails_after']}; "
                f"reviews {found['reviews_before']} -> {found['reviews_after']}"
            )
        for region, found in document["by_region"].items():
            if found["gained"] or found["lost"]:
                self.stdout.write(f"  {region:<26} {found['gained']} gain, {found['lost']} lose")


def _read(path: Path) -> PolicyDocument:
    try:
        return parse_policy(read_document(path))
    except DocumentError as error:
        raise InputErrors(path, error.problems) from None
