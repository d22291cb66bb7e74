"""`manage.py create_token`: create an API token and print its secret once."""

from typing import Any

from django.core.management.base import CommandParser

from api.tokens import SCOPES, create_token
from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import BadRequest, InputErrors, Problem


class Command(KeydeskCommand):
    help = "Create an API token and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--name", required=True, help="the program that uses it, such as index-sync; never reused"
        )
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            metavar="SCOPE",
            help=f"repeatable; one of {', '.join(SCOPES)}",
        )
        parser.add_argument("--days", type=int, default=90, help="days until it expires (default: 90)")

    def run(self, options: Options) -> JsonObject:
        try:
            token, secret = create_token(
                name=options["name"], scopes=options["scope"], days=options["days"], now=clock.now()
            )
        except BadRequest as error:
            problems = [Problem(found.message, field=f"--{found.field}") for found in error.errors]
            raise InputErrors("create_token", problems) from None
        return {
            "name": token.name,
            "token": secret,
            "scopes": token.scopes,
            "expires_at": token.expires_at.isoformat().replace("+00:00", "Z"),
        }

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(document["token"])
        self.say(
            f"Token {document['name']} with {', '.join(document['scopes'])}, until {document['expires_at']}. "
            "It is shown only once. Store it as a secret."
        )
