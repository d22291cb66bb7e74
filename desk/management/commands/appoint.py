"""`appoint USERNAME ROLE`: give a member of staff a role; the first administrator is made so."""

from typing import Any

from django.core.management.base import CommandParser

from config import clock
from config.commands import KeydeskCommand
from config.errors import KeydeskError
from config.models import User
from desk.roles import Role
from desk.services.appointments import appoint, end_appointment


class UnknownStaff(KeydeskError):
    """Nobody signs in by this name."""

    code = "unknown_staff"


class Command(KeydeskCommand):
    help = "Give a member of staff a role at the desk, or with --end take it away."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--end", action="store_true", help="take the role away")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise UnknownStaff(f"Nobody signs in as {options['username']}.")
        change = end_appointment if options["end"] else appoint
        change(user=user, role=Role(options["role"]), by=None, now=clock.now())
        return {"username": user.username, "role": options["role"], "ended": options["end"]}

    def show(self, document: dict[str, Any]) -> None:
        verb = "is no longer" if document["ended"] else "is now"
        self.say(f"{document['username']} {verb} {Role(document['role']).label}.")
