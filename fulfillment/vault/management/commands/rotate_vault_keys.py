"""`rotate_vault_keys`: wrap live keys again under the newest of VAULT_KEYS."""

from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.vault import key_rotation


class Command(KeydeskCommand):
    help = (
        "Wrap every live data key again under the first key of VAULT_KEYS. May be stopped and run again. "
        "Afterwards it names the keys that can be destroyed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def run(self, options: Options) -> JsonObject:
        rewrapped = 0
        if not options["dry_run"]:
            with self.progress(key_rotation.rotation_progress().outdated, "Wrapping keys again") as steps:
                rewrapped = key_rotation.rewrap(advance=steps.advance)
        standing = key_rotation.rotation_progress()
        return {
            "dry_run": options["dry_run"],
            "current": standing.current,
            "rewrapped": rewrapped,
            "outdated": standing.outdated,
            "by_key": standing.by_key,
            "unneeded": list(standing.unneeded),
        }

    def show(self, document: dict[str, Any]) -> None:
        done = "would be wrapped" if document["dry_run"] else "were wrapped"
        number = document["outdated"] if document["dry_run"] else document["rewrapped"]
        self.stdout.write(f"{number} keys {done} again under {document['current']!r}.")
        for key_id, live in document["by_key"].items():
            self.stdout.write(f"  {key_id}: {live} live keys")
        for key_id in document["unneeded"]:
            self.stdout.write(
                f"No live key needs {key_id!r}. When the backups that need it have expired, take it out of "
                "VAULT_KEYS and destroy it: what was shredded by then can never be read again."
            )
