"""`translations`: bring the catalogues under locale/ up to date with the source, or check them."""

from typing import Any

from django.core.management.base import CommandParser

from config import catalogues
from config.commands import KeydeskCommand
from fulfillment.claims.services.regions import shipped_document
from inventory.catalogue import KEY_MODELS
from roster.rules.difference import TITLES
from roster.rules.texts import every_sentence


def tables() -> dict[str, list[str]]:
    """Texts that are data: the rules' sentences and titles, why a region says no, and the keys' names."""
    reasons = [region.get("reason") for region in shipped_document()["regions"]]
    return {
        "roster/rules/texts.py": every_sentence(),
        "roster/rules/difference.py": sorted(TITLES.values()),
        "inventory/catalogue.py": [str(model["name"]) for model in KEY_MODELS],
        "fulfillment/claims/data/regions-2022.json": sorted({reason for reason in reasons if reason}),
    }


class Command(KeydeskCommand):
    help = (
        "Check the catalogues of all languages against the texts of the source. With --write they are "
        "brought up to date first: new texts come in empty, texts that are gone go, and all are compiled."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--write", action="store_true", help="write locale/*/LC_MESSAGES/django.po and .mo"
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        wanted = catalogues.source_messages(tables())
        problems = []
        for language in catalogues.languages():
            if options["write"]:
                catalogues.write(language, catalogues.updated(language, wanted))
            problems += catalogues.problems_of(language, wanted)
        document = {"texts": len(wanted), "languages": catalogues.languages(), "problems": problems}
        if problems:
            raise self.fail(document, f"{len(problems)} texts are missing or wrong.")
        return document

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"{document['texts']} texts in {', '.join(document['languages'])}.")
        for problem in document["problems"]:
            self.stdout.write(f"  {problem}")
