"""`manage.py rotate_vault_keys`: rewrap live keys under the newest of VAULT_KEYS."""

from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.vault import key_rotation


class Command(KeydeskCommand):
    help = (
        "Rewrap every live data key under the first key of VAULT_KEYS. Can be stopped and run again. "
        "Then lists the keys that can be destroyed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count the keys, and change nothing")

    def run(self, options: Options) -> JsonObject:
        rewrapped = 0
        if not options["dry_run"]:
            with self.progress(key_rotation.rotation_progress().outdated, "Rewrapping keys") as steps:
                rewrapped = key_rotation.rewrap(advance=steps.advance)
        progress = key_rotation.rotation_progress()
        return {
            "dry_run": options["dry_run"],
            "current": progress.current,
            "rewrapped": rewrapped,
            "outdated": progress.outdated,
            "by_key": progress.by_key,
            "unneeded": list(progress.unneeded),
        }

    def show(self, document: dict[str, Any]) -> None:
        done = "would be rewrapped" if document["dry_run"] else "were rewrapped"
        number = document["outdated"] if document["dry_run"] else document["rewrapped"]
        self.stdout.write(f"{number} keys {done} under {document['current']!r}.")
        for key_id, live in document["by_key"].items():
            self.stdout.write(f"  {key_id}: {live} live keys")
        for key_id in document["unneeded"]:
            self.stdout.write(
                f"No live key needs {key_id!r}. When the backups that need it have expired, remove it from "
                "VAULT_KEYS and destroy it: data shredded by then can never be read again."
            )
