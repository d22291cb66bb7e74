"""`manage.py load_prices FILE`: publish a price list."""

import json
from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.selectors import campaign_by_slug

LARGEST_FILE = 1_000_000


class Command(KeydeskCommand):
    help = "Publish a price list (JSON) of a campaign. The previous list ends when the new one begins."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="the price list")
        parser.add_argument("--campaign", required=True, metavar="SLUG")

    def run(self, options: Options) -> JsonObject:
        path: Path = options["file"]
        campaign = campaign_by_slug(options["campaign"])
        published = publish_prices(
            campaign=campaign,
            document=_read(path),
            actor="staff:command",
            now=clock.now(),
            source=str(path),
        )
        return {
            "campaign": campaign.slug,
            "version": published.version,
            "valid_from": published.valid_from.isoformat(),
            "valid_until": published.valid_until.isoformat() if published.valid_until else None,
        }


def _read(path: Path) -> object:
    """Parse a JSON file. Raises: InputError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(path, "The file is too large for a price list.")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"The file cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(path, f"Not valid JSON: {error}.", line=getattr(error, "lineno", None)) from None
