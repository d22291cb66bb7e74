"""`manage.py explain USERNAME`: whether a maintainer may claim, rule by rule."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.claims.countries import is_country
from fulfillment.claims.eligibility import explain
from fulfillment.claims.errors import UnknownCampaign, UnknownMaintainer
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.models import Account

_SIGNS = {"pass": "yes", "fail": "NO", "review": "review"}


class Command(KeydeskCommand):
    help = "Explain whether a maintainer may claim: every rule's verdict. Stores nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username", help="the account's username on the index")
        parser.add_argument("--campaign", metavar="SLUG", help="default: the open campaign")
        parser.add_argument("--country", metavar="CC", help="destination country, such as DE")

    def run(self, options: Options) -> JsonObject:
        now = clock.now()
        country = options["country"].upper() if options["country"] else None
        if country and not is_country(country):
            raise CommandError(
                f"--country: {options['country']!r} is not a valid ISO 3166-1 country code.", returncode=2
            )
        account = Account.objects.named(options["username"]).first()
        if account is None:
            raise UnknownMaintainer(options["username"])
        campaign = campaign_by_slug(options["campaign"]) if options["campaign"] else current_campaign(now)
        if campaign is None:
            raise UnknownCampaign("")
        return dict(
            explain(account=account, campaign=campaign, country=country, now=now).decision.as_document()
        )

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{document['outcome']} under policy {document['policy']}")
        for verdict in document["verdicts"]:
            self.stdout.write(f"  {_SIGNS[verdict['outcome']]:<6} {verdict['rule']}: {verdict['reason']}")
            if verdict["outcome"] != "pass":
                self.stdout.write(f"         {verdict['remedy']}")
