"""Store addresses and labels encrypted, open them for a purpose, and shred them. Every opening is logged."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from common.prepared_queries import prepared
from fulfillment.vault import encryption
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.households import Household, household_of
from fulfillment.vault.models import DataKey, EncryptedDocument, Opening

Kind = EncryptedDocument.Kind
Purpose = Opening.Purpose
# The upper limit of retention, whatever happens to the claim; most documents are shredded far sooner.
LONGEST_KEPT = timedelta(days=400)
# Nonce, ciphertext, wrapped data key, and the id of the key it is wrapped by.
_EncryptedRow = tuple[bytes | memoryview, bytes | memoryview, bytes | memoryview | None, str]


@transaction.atomic(savepoint=False)
def store_address(*, subject: str, address: PostalAddress, now: datetime, scope: str = "") -> None:
    """Encrypt and store the address of a claim, replacing any earlier one.

    Args: scope: the campaign in which its household hash is compared; empty for no comparison.
    """
    household = household_of(scope=scope, address=address, now=now) if scope else None
    _store(
        subject=subject, kind=Kind.ADDRESS, name="", content=address.as_json(), now=now, household=household
    )


@transaction.atomic(savepoint=False)
def store_label(*, subject: str, name: str, content: bytes, now: datetime) -> None:
    """Encrypt and store a label file, which shows the address."""
    _store(subject=subject, kind=Kind.LABEL, name=name, content=content, now=now)


def open_address(*, subject: str, purpose: Purpose, actor: str, now: datetime) -> PostalAddress:
    """Open the address of a claim.

    Raises: Shredded: it was shredded, or never existed.
    After commit: the opening stays in the access log, even when the address is shredded.
    """
    return PostalAddress.from_json(
        _open(subject=subject, kind=Kind.ADDRESS, name="", purpose=purpose, actor=actor, now=now)
    )


def open_label(*, subject: str, name: str, purpose: Purpose, actor: str, now: datetime) -> bytes:
    """Open a label file of a claim. Raises: Shredded, as `open_address`."""
    return _open(subject=subject, kind=Kind.LABEL, name=name, purpose=purpose, actor=actor, now=now)


def schedule_shredding(*, subject: str, shred_after: datetime) -> None:
    """Set the date on which a claim's documents are shredded; an earlier date stays."""
    DataKey.objects.filter(subject=subject, shredded_at__isnull=True).exclude(
        shred_after__lte=shred_after
    ).update(shred_after=shred_after)


def cancel_shredding(*, subject: str) -> None:
    """Remove an early shredding date because the claim goes on; LONGEST_KEPT still applies."""
    DataKey.objects.filter(subject=subject, shredded_at__isnull=True).update(
        shred_after=F("created_at") + LONGEST_KEPT
    )


@transaction.atomic
def shred(*, subject: str, now: datetime) -> bool:
    """Destroy the data key and documents of a claim; return whether there were any."""
    shredded = DataKey.objects.filter(subject=subject, shredded_at__isnull=True).update(
        wrapped_key=None, wrapping_key_id="", shredded_at=now
    )
    EncryptedDocument.objects.filter(data_key__subject=subject).delete()
    return bool(shredded)


def shred_due(*, now: datetime, due_by: datetime | None = None) -> int:
    """Shred everything past its date, each claim in its own transaction; return how many claims there were.

    Args: due_by: shred everything with a date up to this moment, instead of `now`.
    """
    return sum(shred(subject=subject, now=now) for subject in subjects_due(due_by or now))


def subjects_due(moment: datetime) -> list[str]:
    """The claims whose shredding date has passed at this moment."""
    due = DataKey.objects.due_for_shredding(moment).order_by("shred_after", "pk")
    return list(due.values_list("subject", flat=True))


def _store(
    *,
    subject: str,
    kind: Kind,
    name: str,
    content: bytes,
    now: datetime,
    household: Household | None = None,
) -> None:
    data_key = next(iter(_locked_key(subject=subject)), None)
    if data_key is None:
        key = encryption.new_data_key()
        key_id, wrapped = encryption.wrap(key, subject=subject)
        data_key = DataKey.objects.create(
            subject=subject,
            wrapped_key=wrapped,
            wrapping_key_id=key_id,
            created_at=now,
            shred_after=now + LONGEST_KEPT,
            household_key_id=household.key_id if household else None,
            household=household.digest if household else None,
        )
    else:
        key = _unwrap(data_key)
        if household is not None:
            data_key.household_key_id, data_key.household = household.key_id, household.digest
            data_key.save(update_fields=["household_key", "household"])
    encrypted = encryption.encrypt(key, content, bound_to=encryption_context(subject, kind, name))
    EncryptedDocument.objects.bulk_create(
        [
            EncryptedDocument(
                data_key=data_key,
                kind=kind,
                name=name,
                nonce=encrypted.nonce,
                ciphertext=encrypted.ciphertext,
                encrypted_at=now,
            )
        ],
        update_conflicts=True,
        unique_fields=["data_key", "kind", "name"],
        update_fields=["nonce", "ciphertext", "encrypted_at"],
    )


@prepared
def _locked_key(*, subject: str) -> QuerySet[DataKey]:
    return DataKey.objects.select_for_update().filter(subject=subject)


@prepared
def _encrypted(*, subject: str, kind: Kind, name: str) -> QuerySet[EncryptedDocument, _EncryptedRow]:
    """A document and its wrapped data key."""
    return EncryptedDocument.objects.filter(data_key__subject=subject, kind=kind, name=name).values_list(
        "nonce", "ciphertext", "data_key__wrapped_key", "data_key__wrapping_key_id"
    )


def _open(*, subject: str, kind: Kind, name: str, purpose: Purpose, actor: str, now: datetime) -> bytes:
    nonce, ciphertext, wrapped_key, key_id = next(
        iter(_encrypted(subject=subject, kind=kind, name=name)), (b"", b"", None, "")
    )
    if wrapped_key is None:
        raise Shredded(subject)
    Opening.objects.create(subject=subject, kind=kind, purpose=purpose, actor=actor, opened_at=now)
    key = encryption.unwrap(bytes(wrapped_key), key_id=key_id, subject=subject)
    return encryption.decrypt(
        key,
        encryption.Encrypted(bytes(nonce), bytes(ciphertext)),
        bound_to=encryption_context(subject, kind, name),
    )


def _unwrap(data_key: DataKey) -> bytes:
    if data_key.wrapped_key is None:
        raise Shredded(data_key.subject)
    return encryption.unwrap(
        bytes(data_key.wrapped_key), key_id=data_key.wrapping_key_id, subject=data_key.subject
    )


def encryption_context(subject: str, kind: Kind, name: str) -> str:
    """The associated data that binds a ciphertext to its row."""
    return f"{subject}/{kind}/{name}"
