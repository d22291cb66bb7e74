"""Key rotation: live keys move under the newest key-encryption key, and the old one opens nothing any more."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from fulfillment.vault import encryption, key_rotation, services
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import UnknownWrappingKey
from fulfillment.vault.households import household_of
from fulfillment.vault.models import DataKey, HouseholdKey, Opening

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS = PostalAddress(name="Ada Example", street1="12 Torvandel Way", city="Portland", country="US")
OLD, NEW = {"test-1": bytes(32)}, {"next": b"\1" * 32}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what VAULT_KEYS holds, newest first."""

    def hold(*held: dict[str, bytes]) -> None:
        merged = {key_id: key for one in held for key_id, key in one.items()}
        monkeypatch.setattr(encryption, "wrapping_keys", lambda: merged)

    hold(OLD)
    return hold


def seal(*subjects: str) -> None:
    for subject in subjects:
        services.store_address(subject=subject, address=ADDRESS, now=NOW)


def open_(subject: str) -> PostalAddress:
    return services.open_address(subject=subject, purpose=Opening.Purpose.SUPPORT, actor="staff:ops", now=NOW)


def rotate(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("rotate_vault_keys", "--json", *arguments, stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_after_rotation_the_new_key_alone_opens_what_is_live(keys: Any) -> None:
    seal("C-1", "C-2")
    household_of(scope="keys-2026", address=ADDRESS, now=NOW)
    keys(NEW, OLD)
    assert rotate() == {
        "dry_run": False,
        "current": "next",
        "rewrapped": 3,
        "outdated": 0,
        "by_key": {"next": 3},
        "unneeded": ["test-1"],
    }
    keys(NEW)
    assert open_("C-1") == open_("C-2") == ADDRESS


def test_a_whole_backup_is_unreadable_with_todays_keys_once_the_old_one_is_gone(keys: Any) -> None:
    """Even one that holds the data keys' rows: they are wrapped by a key that exists no more."""
    seal("C-1")
    backup: Any = DataKey.objects.values("wrapped_key", "wrapping_key_id").get()
    services.shred(subject="C-1", now=NOW)
    assert encryption.unwrap(bytes(backup["wrapped_key"]), key_id="test-1", subject="C-1")
    keys(NEW, OLD)
    key_rotation.rewrap()
    keys(NEW)
    with pytest.raises(UnknownWrappingKey):
        encryption.unwrap(bytes(backup["wrapped_key"]), key_id=backup["wrapping_key_id"], subject="C-1")


def test_a_dry_run_counts_and_changes_nothing(keys: Any) -> None:
    seal("C-1")
    keys(NEW, OLD)
    document = rotate("--dry-run")
    assert (document["rewrapped"], document["outdated"], document["unneeded"]) == (0, 1, [])
    assert DataKey.objects.get().wrapping_key_id == "test-1"


def test_it_goes_on_where_it_was_stopped(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seal("C-1", "C-2", "C-3")
    keys(NEW, OLD)
    monkeypatch.setattr(key_rotation, "BATCH", 2)

    def stop(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        key_rotation.rewrap(advance=stop)
    assert key_rotation.rotation_progress().by_key == {"next": 2, "test-1": 1}
    assert key_rotation.rewrap() == 1
    assert key_rotation.rewrap() == 0
    assert open_("C-3") == ADDRESS


def test_a_key_that_is_missing_is_named_before_anything_changes(keys: Any) -> None:
    seal("C-1", "C-2")
    DataKey.objects.filter(subject="C-2").update(wrapping_key_id="lost")
    keys(NEW, OLD)
    with pytest.raises(CommandError, match="'lost'"):
        rotate()
    assert key_rotation.rotation_progress().by_key == {"lost": 1, "test-1": 1}


def test_what_is_shredded_stays_shredded(keys: Any) -> None:
    seal("C-1")
    services.shred(subject="C-1", now=NOW)
    keys(NEW, OLD)
    assert key_rotation.rewrap() == 0
    # Were a key shredded between the reading and the writing of a batch, the database would refuse.
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.update(wrapping_key_id="next", wrapped_key=b"x" * 60)
    assert not HouseholdKey.objects.exists()
