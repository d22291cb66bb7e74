"""The standing cast: a small roster, a campaign, some stock and an address, made by the real services.

| account | is |
|---|---|
| `m-owner` | Owner of the critical project, no two-factor authentication |
| `m-second` | Maintainer of the same project, with an authenticator app |
| `m-bystander` | Owner of a project that is not critical |
| `m-guarded` | Owner of the critical project, with a security key already |
| `m-org` | an organisation's account that owns the critical project |
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from common.prepared_queries import forget
from config.models import User
from fulfillment.claims.campaigns import regions
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.services.submission import submit_claim
from fulfillment.vault.addresses import PostalAddress
from inventory.default_key_models import ensure_catalogue
from inventory.services.receiving import receive_stock
from roster import policies
from roster.models import Account
from roster.services.accounts import import_accounts
from roster.services.designations import designate_critical
from roster.services.downloads import import_downloads
from roster.services.policies import publish_policy
from roster.services.roles import import_roles
from tests.played import Run, played

USB_A, USB_C = "KD-A-NFC", "KD-C-NFC"
ACCOUNTS = """username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization
m-owner,owner@example.org,true,2014-02-03T00:00:00Z,false,false,false
m-second,second@example.org,true,2016-05-01T00:00:00Z,true,false,false
m-bystander,bystander@example.org,true,2018-01-01T00:00:00Z,false,false,false
m-guarded,guarded@example.org,true,2012-01-01T00:00:00Z,false,true,false
m-org,org@example.org,true,2015-01-01T00:00:00Z,false,false,true
"""
ROLES = """project,username,role,since
keystone-lib,m-owner,Owner,2014-03-01
keystone-lib,m-second,Maintainer,2017-08-15
keystone-lib,m-guarded,Owner,2013-01-01
keystone-lib,m-org,Owner,2015-02-01
quiet-lib,m-bystander,Owner,2018-02-01
"""
DOWNLOADS = """project,download_count
keystone-lib,1000000
quiet-lib,12
"""
Roster = dict[str, Account]
MakeClaim = Callable[..., Claim]


@pytest.fixture(autouse=True, scope="session")
def _static_directory() -> None:
    """The middleware that serves static files warns when there is no such directory."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Do not wait for the disk: thousands of commits and truncations there are most of a slow machine's time.

    Only on the embedded server, which is the tests' own.
    """
    if settings.ENVIRONMENT.database_url:
        return
    parameters = connection.get_connection_params()
    with psycopg.connect(
        host=parameters["host"], user=parameters["user"], dbname="postgres", autocommit=True
    ) as server:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            server.execute(f"ALTER SYSTEM SET {name} = off")
        server.execute("SELECT pg_reload_conf()")


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """What is kept for a day must not outlive the test whose rows it was made of."""
    cache.clear()


@pytest.fixture(autouse=True)
def _queries_written_anew(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that takes a guard out of a queryset must not meet, nor leave behind, SQL from before or of it."""
    if "monkeypatch" not in request.fixturenames:
        yield
        return
    forget()
    yield
    forget()


@pytest.fixture(scope="session")
def run(django_db_blocker: Any) -> Iterator[Run]:
    """A small rehearsed programme, played once; its database is there to be read."""
    with django_db_blocker.unblock(), played() as done:
        django_db_blocker.block()
        yield done
        django_db_blocker.unblock()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Before the database is dropped at the end, close the sessions of what a test started and killed."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def now() -> datetime:
    """The moment a test happens at; override it where real clocks are involved."""
    return datetime(2022, 7, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def roster(db: None, now: datetime, tmp_path: Path) -> Roster:
    """The accounts by username, from three imported lists and a designation."""
    return import_roster(tmp_path, now=now)


def import_roster(
    directory: Path,
    *,
    now: datetime,
    accounts: str = ACCOUNTS,
    roles: str = ROLES,
    downloads: str = DOWNLOADS,
) -> Roster:
    """Import a roster from the texts of its lists; the one most downloaded project becomes critical."""
    files = {"accounts.csv": accounts, "roles.csv": roles, "downloads.csv": downloads}
    for name, content in files.items():
        (directory / name).write_text(content)
    import_accounts(path=directory / "accounts.csv", actor="staff", now=now)
    import_roles(path=directory / "roles.csv", actor="staff", now=now)
    import_downloads(path=directory / "downloads.csv", actor="staff", now=now)
    designate_critical(actor="staff", now=now, cohort_size=1)
    return {account.username: account for account in Account.objects.all()}


@pytest.fixture
def campaign(db: None, now: datetime) -> Campaign:
    """An open campaign of two keys each under the default policy, with regions and both key models."""
    return open_campaign(now=now)


def open_campaign(*, now: datetime) -> Campaign:
    policy = publish_policy(document=_document("keydesk-default"), actor="staff", now=now)
    regions.load_regions(document=regions.bundled_regions(), now=now)
    campaign = Campaign.objects.create(
        slug="keys-2022",
        name="Keys for maintainers 2022",
        sponsor="Example Foundation",
        opens_at=now - timedelta(days=3),
        closes_at=now + timedelta(days=84),
        per_claim=2,
        policy=policy,
        created_at=now - timedelta(days=10),
    )
    campaign.key_models.set(ensure_catalogue(now))
    return campaign


def _document(version: str) -> Any:
    return json.loads((Path(policies.__file__).parent / f"{version}.json").read_text())


@pytest.fixture
def stock(db: None, now: datetime) -> None:
    """Ten units of each of the two key models, received in one lot each."""
    receive(now=now, each=10)


def receive(*, now: datetime, each: int, lot: str = "LOT-1") -> None:
    ensure_catalogue(now)
    for sku in (USB_A, USB_C):
        receive_stock(sku=sku, lot_reference=f"{lot} {sku}", actor="staff", now=now, quantity=each)


@pytest.fixture
def address() -> PostalAddress:
    """One that needs no phone, in an open country."""
    return PostalAddress(
        name="Robin Example",
        street1="417 Montgomery Street",
        city="San Francisco",
        state="CA",
        postal_code="94104",
        country="US",
    )


@pytest.fixture
def make_claim(roster: Roster, campaign: Campaign, address: PostalAddress, now: datetime) -> MakeClaim:
    """Claim keys for one of the cast, through the real service; any of its arguments can be given."""

    def make(username: str = "m-owner", **changed: Any) -> Claim:
        given: Mapping[str, Any] = {
            "campaign": campaign,
            "items": [WantedItem(USB_A, 1), WantedItem(USB_C, 1)],
            "address": address,
            "actor": f"maintainer:{roster[username].pk}",
            "now": now,
            **changed,
        }
        return submit_claim(username=username, **given)

    return make


@pytest.fixture
def sign_in_of(roster: Roster) -> Callable[[str], User]:
    """The sign-in of one of the cast, as the sign-in page makes it."""

    def sign_in(username: str) -> User:
        account = roster[username]
        user, _ = User.objects.get_or_create(
            account=account, defaults={"username": f"maintainer:{username}", "email": account.email}
        )
        return user

    return sign_in
