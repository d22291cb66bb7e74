"""Import an account list."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.db import transaction

from roster.errors import ListHeld
from roster.files.accounts import AccountRow, read_accounts
from roster.files.source import SourceFile, read_source
from roster.models import Account, Snapshot, TwoFactorObservation
from roster.services.events import record_event
from roster.services.import_approvals import hold_list
from roster.services.snapshots import Imported, lock_imports, receive_file
from roster.services.staging import analyze_tables, apply_change, drop_staged, rows_of, stage

# Columns of a list; the other columns of the row are Keydesk's own.
LISTED = {
    "username": "text",
    "email": "text",
    "email_verified": "boolean",
    "joined_at": "timestamptz",
    "has_totp": "boolean",
    "has_webauthn": "boolean",
    "is_organization": "boolean",
}


def import_accounts(*, path: Path, actor: str, now: datetime) -> Imported:
    """Update the accounts from the list; accounts not in the list are left unchanged.

    A two-factor state that is new or changed is appended as an observation.

    Locks:  imports of account lists; the listed accounts, so that no claim decides on half an update.
    Raises: InputErrors: the file's errors, with line and field.
            ListHeld: it omits more than the allowed share of the accounts; only the hold is recorded.
    """
    return load_accounts(source=read_source(path), actor=actor, now=now)


def load_accounts(*, source: SourceFile, actor: str, now: datetime) -> Imported:
    """`import_accounts` from a file already read."""
    rows = read_accounts(source, now)
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.ACCOUNTS)
        known = _stage(rows)
        last_seen = _last_seen()
        before = Account.objects.filter(two_factor_observed_at=last_seen).count() if last_seen else 0
        held = hold_list(
            kind=Snapshot.Kind.ACCOUNTS,
            source=source,
            rows=len(rows),
            rows_before=before,
            kept=len(rows),
            actor=actor,
            now=now,
        )
        if held is None:
            snapshot, is_new = receive_file(
                kind=Snapshot.Kind.ACCOUNTS, source=source, rows=len(rows), actor=actor, now=now
            )
            added, changed = apply_staged_accounts(snapshot, now)
            analyze_tables(Account, TwoFactorObservation, changed=added + changed)
        drop_staged("listed_account")
    if held is not None:
        raise ListHeld(
            source=source.name, sha256=source.sha256, kind="accounts", rows=len(rows), rows_before=before
        )
    return Imported(snapshot, is_new, added=added, changed=changed, unchanged=known - changed)


def put_account(*, row: AccountRow, actor: str, now: datetime) -> Account:
    """Update one account from the index's data; it is created if it is new.

    Locks: imports of account lists; the account.
    """
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.ACCOUNTS)
        _stage([row])
        apply_staged_accounts(None, now)
        drop_staged("listed_account")
        account = Account.objects.named(row.username).get()
        record_event(account.pk, "pushed", actor=actor, now=now)
    return account


def _last_seen() -> datetime | None:
    """When the last account list was imported; the accounts observed then are those it contained."""
    latest = Snapshot.objects.latest_of(Snapshot.Kind.ACCOUNTS)
    return None if latest is None else latest.receipts.order_by("-taken_at", "-pk")[0].taken_at


def _stage(rows: Sequence[AccountRow]) -> int:
    """Stage the list with the ids of known accounts, which are locked; returns how many are known."""
    values = ([place, *(getattr(row, name) for name in LISTED)] for place, row in enumerate(rows))
    stage("read_account", {"place": "integer", **LISTED}, values)
    rows_of(
        """
        SELECT FROM roster_account
        WHERE lower(username) IN (SELECT lower(username) FROM read_account) ORDER BY id FOR UPDATE
        """
    )
    apply_change(
        """
        CREATE TEMPORARY TABLE listed_account ON COMMIT DROP AS
        SELECT listed.*, account.id,
            (
                account.username, account.email, account.email_verified, account.joined_at,
                account.has_totp, account.has_webauthn, account.is_organization
            ) IS DISTINCT FROM (
                listed.username, listed.email, listed.email_verified, listed.joined_at,
                listed.has_totp, listed.has_webauthn, listed.is_organization
            ) AS is_changed,
            (account.has_totp, account.has_webauthn)
                IS DISTINCT FROM (listed.has_totp, listed.has_webauthn) AS is_observed,
            lower(account.email) <> lower(listed.email) AS has_other_email
        FROM read_account listed
        LEFT JOIN roster_account account ON lower(account.username) = lower(listed.username)
        """
    )
    apply_change("DROP TABLE read_account")
    return int(rows_of("SELECT count(id) FROM listed_account")[0][0])


def apply_staged_accounts(snapshot: Snapshot | None, now: datetime) -> tuple[int, int]:
    """Apply the staged list to the accounts; returns how many are new and changed."""
    params = {"now": now, "snapshot": snapshot and snapshot.pk}
    changed = apply_change(
        """
        UPDATE roster_account account
        SET username = listed.username, email = listed.email, email_verified = listed.email_verified,
            joined_at = listed.joined_at, has_totp = listed.has_totp, has_webauthn = listed.has_webauthn,
            is_organization = listed.is_organization, updated_at = %(now)s, two_factor_observed_at = %(now)s,
            email_changed_at = CASE WHEN has_other_email THEN %(now)s ELSE email_changed_at END
        FROM listed_account listed WHERE account.id = listed.id AND listed.is_changed
        """,
        params,
    )
    apply_change(
        """
        UPDATE roster_account account SET two_factor_observed_at = %(now)s
        FROM listed_account listed WHERE account.id = listed.id AND NOT listed.is_changed
        """,
        params,
    )
    apply_change(
        """
        INSERT INTO roster_twofactorobservation (account_id, has_totp, has_webauthn, observed_at, snapshot_id)
        SELECT id, has_totp, has_webauthn, %(now)s, %(snapshot)s FROM listed_account
        WHERE id IS NOT NULL AND is_observed
        """,
        params,
    )
    added = apply_change(
        """
        WITH new AS (
            INSERT INTO roster_account (
                username, email, email_verified, joined_at, has_totp, has_webauthn, is_organization,
                two_factor_observed_at, country, time_zone, created_at, updated_at
            )
            SELECT
                username, email, email_verified, joined_at, has_totp, has_webauthn, is_organization,
                %(now)s, '', '', %(now)s, %(now)s FROM listed_account WHERE id IS NULL
            ORDER BY place
            RETURNING id, has_totp, has_webauthn
        )
        INSERT INTO roster_twofactorobservation (account_id, has_totp, has_webauthn, observed_at, snapshot_id)
        SELECT id, has_totp, has_webauthn, %(now)s, %(snapshot)s FROM new
        """,
        params,
    )
    return added, changed
