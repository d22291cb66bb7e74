"""`translations`: bring the catalogues under locale/ up to date with the source, or check them."""

from typing import Any

from django.core.management.base import CommandParser

from common import translation_catalogs
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.claims.campaigns.regions import bundled_regions
from inventory.default_key_models import KEY_MODELS
from roster.rules.messages import every_sentence
from roster.rules.policy_diff import TITLES


def tables() -> dict[str, list[str]]:
    """Translatable texts in data: rule sentences and titles, reasons of regions, names of key models."""
    reasons = [str(region.get("reason", "")) for region in bundled_regions()["regions"]]
    return {
        "roster/rules/messages.py": every_sentence(),
        "roster/rules/policy_diff.py": sorted(TITLES.values()),
        "inventory/default_key_models.py": [str(model["name"]) for model in KEY_MODELS],
        "fulfillment/claims/data/regions-2022.json": sorted({reason for reason in reasons if reason}),
    }


class Command(KeydeskCommand):
    help = (
        "Check the catalogs of all languages against the texts in the code. With --write, add new texts "
        "untranslated, remove unused ones and compile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--write", action="store_true", help="write locale/*/LC_MESSAGES/django.po and .mo"
        )

    def run(self, options: Options) -> JsonObject:
        wanted = translation_catalogs.source_messages(tables())
        problems = []
        for language in translation_catalogs.languages():
            if options["write"]:
                translation_catalogs.write_catalog(language, translation_catalogs.updated(language, wanted))
            problems += translation_catalogs.catalog_problems(language, wanted)
        document = {"texts": len(wanted), "languages": translation_catalogs.languages(), "problems": problems}
        if problems:
            raise self.fail(document, f"{len(problems)} texts are missing or wrong.")
        return document

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{document['texts']} texts in {', '.join(document['languages'])}.")
        for problem in document["problems"]:
            self.stdout.write(f"  {problem}")
