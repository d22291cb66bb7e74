"""`appoint USERNAME ROLE [--email ADDRESS]`: give a role; with `--email` create the staff account."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import KeydeskError
from config.models import User
from desk.roles import Role
from desk.services.appointments import add_staff, appoint, end_appointment


class UnknownStaff(KeydeskError):
    """No account has this name."""

    code = "unknown_staff"


class Command(KeydeskCommand):
    help = "Give a member of staff a role at the desk, or with --end take it away."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--end", action="store_true", help="take the role away")
        parser.add_argument(
            "--email", help="create the sign-in of a new member of staff, by a code to this address"
        )

    def run(self, options: Options) -> JsonObject:
        if options["email"] and not options["end"]:
            return self._new(options)
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise UnknownStaff(f"There is no sign-in named {options['username']}. Use --email to create one.")
        change = end_appointment if options["end"] else appoint
        change(user=user, role=Role(options["role"]), by=None, now=clock.now())
        return {"username": user.username, "role": options["role"], "ended": options["end"]}

    def _new(self, options: Options) -> dict[str, Any]:
        with transaction.atomic():
            user = add_staff(username=options["username"], email=options["email"])
            appoint(user=user, role=Role(options["role"]), by=None, now=clock.now())
        return {"username": user.username, "role": options["role"], "ended": False}

    def show(self, document: dict[str, Any]) -> None:
        verb = "is no longer" if document["ended"] else "is now"
        self.say(f"{document['username']} {verb} {Role(document['role']).label}.")
