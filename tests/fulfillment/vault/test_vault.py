"""The vault: sealed, opened for a logged reason, unreadable once shredded, in a backup too."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag
from django.db import DatabaseError, connection, transaction

from fulfillment.vault import encryption, services
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded, UnknownWrappingKey
from fulfillment.vault.models import DataKey, EncryptedDocument, Opening

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS = PostalAddress(name="Ada Example", street1="12 Torvandel Way", city="Portland", country="US")
PURPOSE = Opening.Purpose.SUPPORT

pytestmark = pytest.mark.django_db


def seal(subject: str = "C-1") -> None:
    services.store_address(subject=subject, address=ADDRESS, now=NOW)


def open_(subject: str = "C-1") -> PostalAddress:
    return services.open_address(subject=subject, purpose=PURPOSE, actor="staff:ops", now=NOW)


def test_what_is_sealed_can_be_opened() -> None:
    seal()
    assert open_() == ADDRESS


def test_every_opening_is_logged_with_its_purpose() -> None:
    seal()
    open_()
    opening = Opening.objects.get()
    assert (opening.subject, opening.purpose, opening.actor) == ("C-1", "support", "staff:ops")


def test_no_row_holds_any_of_it_in_clear() -> None:
    seal()
    document = EncryptedDocument.objects.get()
    for part in ("Ada", "Torvandel", "Portland"):
        assert part.encode() not in bytes(document.ciphertext)


def test_a_later_address_replaces_the_earlier() -> None:
    seal()
    other = PostalAddress(name="Ada Example", street1="1 Grelnor Row", city="Austin", country="US")
    services.store_address(subject="C-1", address=other, now=NOW)
    assert open_() == other
    assert EncryptedDocument.objects.count() == 1


def test_a_document_cannot_be_passed_off_as_anothers() -> None:
    seal("C-1")
    seal("C-2")
    first, second = EncryptedDocument.objects.order_by("data_key__subject")
    EncryptedDocument.objects.filter(pk=second.pk).update(nonce=first.nonce, ciphertext=first.ciphertext)
    with pytest.raises(InvalidTag):
        open_("C-2")


def test_nothing_can_be_opened_once_shredded() -> None:
    seal()
    assert services.shred(subject="C-1", now=NOW) is True
    with pytest.raises(Shredded):
        open_()
    assert services.shred(subject="C-1", now=NOW) is False
    assert not EncryptedDocument.objects.exists()


def test_documents_from_a_backup_cannot_be_read_after_shredding() -> None:
    """A backup of the documents alone is of no use: the key went with the shredding."""
    seal()
    kept = EncryptedDocument.objects.values("kind", "name", "nonce", "ciphertext", "encrypted_at").get()
    services.shred(subject="C-1", now=NOW)
    EncryptedDocument.objects.create(data_key=DataKey.objects.get(), **kept)
    with pytest.raises(Shredded):
        open_()


def test_a_backup_with_its_wrapped_key_is_no_use_once_the_wrapping_key_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seal()
    monkeypatch.setattr(encryption, "wrapping_keys", lambda: {"next": b"\1" * 32})
    with pytest.raises(UnknownWrappingKey):
        open_()


def test_due_addresses_are_shredded_and_others_stay() -> None:
    seal("C-due")
    seal("C-later")
    seal("C-live")
    services.schedule_shredding(subject="C-due", shred_after=NOW)
    services.schedule_shredding(subject="C-later", shred_after=NOW + timedelta(days=1))
    assert services.shred_due(now=NOW) == 1
    with pytest.raises(Shredded):
        open_("C-due")
    assert open_("C-later") == open_("C-live") == ADDRESS


def test_a_shredding_date_only_ever_comes_nearer() -> None:
    seal()
    services.schedule_shredding(subject="C-1", shred_after=NOW)
    services.schedule_shredding(subject="C-1", shred_after=NOW + timedelta(days=9))
    assert DataKey.objects.get().shred_after == NOW


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE vault_opening SET actor = 'nobody'",
        "DELETE FROM vault_opening",
        "DELETE FROM vault_datakey",
    ],
)
def test_the_access_log_and_the_keys_rows_stay(tampering: str) -> None:
    seal()
    open_()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(tampering)
    assert Opening.objects.get().actor == "staff:ops"


def test_the_newest_key_wraps() -> None:
    seal()
    assert DataKey.objects.get().wrapping_key_id == "test-1"
