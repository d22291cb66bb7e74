"""Import an account list."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Lower

from roster.files.accounts import AccountRow, read_accounts
from roster.files.source import read_source
from roster.models import Account, Snapshot, TwoFactorObservation
from roster.services.snapshots import Imported, lock_imports, receive
from roster.services.statistics import analyse

BATCH = 5_000
# What a list says about an account; the rest of the row is ours.
LISTED = ("username", "email", "email_verified", "joined_at", "is_organization", "has_totp", "has_webauthn")


def import_accounts(*, path: Path, actor: str, now: datetime) -> Imported:
    """Bring the accounts up to the list; accounts it leaves out stay as they are.

    A two-factor state that is new or changed is appended as an observation.

    Locks:  imports of account lists.
    Raises: InputErrors: the file's faults, with line and field.
    """
    source = read_source(path)
    rows = read_accounts(source)
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.ACCOUNTS)
        snapshot, is_new = receive(
            kind=Snapshot.Kind.ACCOUNTS, source=source, rows=len(rows), actor=actor, now=now
        )
        known = _known(rows)
        new = [_new_account(row, now) for row in rows if row.username.lower() not in known]
        pairs = [(known[row.username.lower()], row) for row in rows if row.username.lower() in known]
        changed = [account for account, row in pairs if not _says_the_same(account, row)]
        observed = new + [account for account, row in pairs if not _same_two_factor(account, row)]
        Account.objects.bulk_create(new, batch_size=BATCH)
        _update(pairs, changed, now)
        _observe(observed, snapshot, now)
        analyse(Account, TwoFactorObservation, changed=len(observed))
    return Imported(
        snapshot, is_new, added=len(new), changed=len(changed), unchanged=len(pairs) - len(changed)
    )


def _known(rows: Iterable[AccountRow]) -> dict[str, Account]:
    """The accounts on record by username in lower case, locked so that no claim decides on half an update."""
    wanted = {row.username.lower() for row in rows}
    named = Account.objects.annotate(lower_username=Lower("username")).filter(lower_username__in=wanted)
    return {account.username.lower(): account for account in named.order_by("pk").select_for_update()}


def _new_account(row: AccountRow, now: datetime) -> Account:
    account = Account(two_factor_observed_at=now, created_at=now, updated_at=now)
    _take_over(account, row)
    return account


def _says_the_same(account: Account, row: AccountRow) -> bool:
    return all(getattr(account, name) == getattr(row, name) for name in LISTED)


def _same_two_factor(account: Account, row: AccountRow) -> bool:
    return (account.has_totp, account.has_webauthn) == (row.has_totp, row.has_webauthn)


def _take_over(account: Account, row: AccountRow) -> None:
    for name in LISTED:
        setattr(account, name, getattr(row, name))


def _update(pairs: list[tuple[Account, AccountRow]], changed: list[Account], now: datetime) -> None:
    for account, row in pairs:
        if account.email.lower() != row.email.lower():
            account.email_changed_at = now
        _take_over(account, row)
        account.updated_at = now
    Account.objects.bulk_update(changed, [*LISTED, "email_changed_at", "updated_at"], batch_size=500)
    seen = [account.pk for account, _ in pairs]
    Account.objects.filter(pk__in=seen).update(two_factor_observed_at=now)


def _observe(accounts: Iterable[Account], snapshot: Snapshot, now: datetime) -> None:
    TwoFactorObservation.objects.bulk_create(
        [
            TwoFactorObservation(
                account=account,
                has_totp=account.has_totp,
                has_webauthn=account.has_webauthn,
                observed_at=now,
                snapshot=snapshot,
            )
            for account in accounts
        ],
        batch_size=BATCH,
    )
