from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roster.models import Policy
from roster.services.accounts import import_accounts
from roster.services.designations import designate_critical
from roster.services.downloads import import_downloads
from roster.services.policies import draft_policy, publish_draft, record_preview
from roster.services.roles import import_roles

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)

DOWNLOADS = "project,download_count\nalpha,500\nBeta.Two,300\ngamma,300\ndelta,20\nepsilon,0\n"
ACCOUNTS = (
    "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n"
    "ada,ada@example.org,true,2014-02-03T00:00:00Z,false,false,false\n"
    "Bob,bob@example.org,true,,true,false,false\n"
    "crew,crew@example.org,false,2020-01-01T00:00:00+01:00,true,true,true\n"
)
ROLES = (
    "project,username,role,since\n"
    "alpha,ada,Owner,2019-05-01\n"
    "alpha,bob,Maintainer,2022-07-01\n"
    "beta-two,ada,Maintainer,\n"
    "zeta,crew,Owner,2021-01-01\n"
)

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def roster(db: None, write: Write) -> None:
    """Three accounts; alpha and Beta.Two are critical (gamma too: it is level with Beta.Two), zeta is not."""
    import_downloads(path=write("downloads.csv", DOWNLOADS), actor="test", now=NOW)
    designate_critical(cohort_size=2, actor="test", now=NOW)
    import_accounts(path=write("accounts.csv", ACCOUNTS), actor="test", now=NOW)
    import_roles(path=write("roles.csv", ROLES), actor="test", now=NOW)


def published_from_a_draft(document: object, *, now: datetime = NOW) -> Policy:
    """A policy of one's own in force: drafted by one person, previewed, published by another."""
    policy = draft_policy(document=document, actor="staff:1", now=now)
    record_preview(version=policy.version, counts={}, compared_with="", actor="staff:1", now=now)
    return publish_draft(version=policy.version, actor="staff:2", now=now)
