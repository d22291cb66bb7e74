"""`manage.py prepare_demo`: create the users of a demo in its database; run by `demo`."""

from collections.abc import Iterable

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from api.tokens import SCOPES, create_token
from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from config.models import User
from desk.roles import Role
from desk.services.appointments import add_staff, appoint
from fulfillment.claims import eligibility, selectors
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.payments import gateways as payments
from fulfillment.postage import gateways
from fulfillment.tracking.services.webhook_monitor import watch_webhooks
from roster.models import Account
from sandbox.rehearsal import databases
from sandbox.rehearsal.webhook_registration import register_carrier_webhook

STAFF = {"ops": "ops@example.org", "foundation": "foundation@example.org"}
# Ops has every role, so that one person can try everything; approvals still need the second user.
ROLES = {"ops": tuple(Role), "foundation": (Role.VIEWER, Role.MANAGER, Role.AUDITOR)}


class Command(KeydeskCommand):
    help = "Create the demo's staff and find maintainers to sign in as, in a rehearsal's database."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--site", required=True, help="address of the site")

    def run(self, options: Options) -> JsonObject:
        name = connection.settings_dict["NAME"]
        if not name.startswith(databases.PREFIX):
            raise CommandError(f"{name} is not a rehearsal's database.", returncode=2)
        register_carrier_webhook(options["site"])
        payments.payment_gateway().ensure_webhook(f"{options['site']}/api/v1/webhooks/stripe")
        # As the hourly job does; until then the dashboard says that webhooks have not been checked.
        watch_webhooks(gateway=gateways.carrier_gateway(), now=clock.now())
        for username, address in STAFF.items():
            _create_staff(username, address, ROLES[username])
        _, token = create_token(name="demo", scopes=sorted(SCOPES), days=30, now=clock.now())
        return {
            "maintainer": _eligible_maintainer().email,
            "claimant": _claimant().email,
            "ops": STAFF["ops"],
            "foundation": STAFF["foundation"],
            "token": token,
        }


def _create_staff(username: str, address: str, roles: Iterable[Role]) -> None:
    if User.objects.filter(username=username).exists():
        return
    user = add_staff(username=username, email=address)
    for role in roles:
        appoint(user=user, role=role, by=None, now=clock.now())


def _eligible_maintainer() -> Account:
    now = clock.now()
    campaign = selectors.current_campaign(now)
    assert campaign is not None, "a rehearsal has a campaign"
    for account in Account.objects.filter(claims__isnull=True, has_webauthn=False).order_by("username")[:500]:
        explained = eligibility.explain(account=account, campaign=campaign, country="US", now=now)
        if explained.decision.outcome == "eligible":
            return account
    raise CommandError("No maintainer on the rehearsed roster is still eligible.", returncode=1)


def _claimant() -> Account:
    """A maintainer whose shipment is in transit, or else delivered."""
    claims = Claim.objects.select_related("account").order_by("-created_at")
    for state in (ClaimState.SHIPPED, ClaimState.DELIVERED, ClaimState.ACCEPTED):
        claim = claims.filter(state=state).first()
        if claim is not None:
            return claim.account
    raise CommandError("The rehearsal ended without any claim.", returncode=1)
