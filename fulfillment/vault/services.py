"""Seal, open for a reason, shred. One claim at a time; every opening is logged before anything is shown."""

from datetime import datetime

from django.db import transaction

from fulfillment.vault import crypto
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.models import DataKey, Opening, SealedDocument

Kind = SealedDocument.Kind
Purpose = Opening.Purpose


@transaction.atomic(savepoint=False)
def seal_address(*, subject: str, address: PostalAddress, now: datetime) -> None:
    """Keep the address of a claim, in place of any before."""
    _seal(subject=subject, kind=Kind.ADDRESS, name="", content=address.as_json(), now=now)


@transaction.atomic(savepoint=False)
def seal_label(*, subject: str, name: str, content: bytes, now: datetime) -> None:
    """Keep a label file: it shows the address, so it is as secret as that."""
    _seal(subject=subject, kind=Kind.LABEL, name=name, content=content, now=now)


def open_address(*, subject: str, purpose: Purpose, actor: str, now: datetime) -> PostalAddress:
    """The address of a claim.

    Raises: Shredded: it is gone, or there never was one.
    After commit: the opening stays in the access log, whatever becomes of the address.
    """
    return PostalAddress.from_json(
        _open(subject=subject, kind=Kind.ADDRESS, name="", purpose=purpose, actor=actor, now=now)
    )


def open_label(*, subject: str, name: str, purpose: Purpose, actor: str, now: datetime) -> bytes:
    """A label file of a claim. Raises: Shredded, as `open_address`."""
    return _open(subject=subject, kind=Kind.LABEL, name=name, purpose=purpose, actor=actor, now=now)


def schedule_shredding(*, subject: str, shred_after: datetime) -> None:
    """Set the date after which nothing about the claim's address can be read. An earlier date stands."""
    DataKey.objects.filter(subject=subject, shredded_at__isnull=True).exclude(
        shred_after__lte=shred_after
    ).update(shred_after=shred_after)


@transaction.atomic
def shred(*, subject: str, now: datetime) -> bool:
    """Destroy the data key of a claim and all that it sealed; whether there was anything to destroy."""
    shredded = DataKey.objects.filter(subject=subject, shredded_at__isnull=True).update(
        wrapped_key=None, wrapping_key_id="", shredded_at=now
    )
    SealedDocument.objects.filter(data_key__subject=subject).delete()
    return bool(shredded)


def shred_due(*, now: datetime) -> int:
    """Shred whatever is past its date, each in its own transaction; returns how many claims that were."""
    due = DataKey.objects.due_for_shredding(now).values_list("subject", flat=True)
    return sum(shred(subject=subject, now=now) for subject in list(due))


def _seal(*, subject: str, kind: Kind, name: str, content: bytes, now: datetime) -> None:
    data_key = DataKey.objects.select_for_update().filter(subject=subject).first()
    if data_key is None:
        key = crypto.new_data_key()
        key_id, wrapped = crypto.wrap(key, subject=subject)
        data_key = DataKey.objects.create(
            subject=subject, wrapped_key=wrapped, wrapping_key_id=key_id, created_at=now
        )
    else:
        key = _unwrap(data_key)
    sealed = crypto.seal(key, content, bound_to=binding_of(subject, kind, name))
    SealedDocument.objects.bulk_create(
        [
            SealedDocument(
                data_key=data_key,
                kind=kind,
                name=name,
                nonce=sealed.nonce,
                ciphertext=sealed.ciphertext,
                sealed_at=now,
            )
        ],
        update_conflicts=True,
        unique_fields=["data_key", "kind", "name"],
        update_fields=["nonce", "ciphertext", "sealed_at"],
    )


def _open(*, subject: str, kind: Kind, name: str, purpose: Purpose, actor: str, now: datetime) -> bytes:
    document = (
        SealedDocument.objects.select_related("data_key")
        .filter(data_key__subject=subject, kind=kind, name=name)
        .first()
    )
    if document is None or document.data_key.wrapped_key is None:
        raise Shredded(subject)
    Opening.objects.create(subject=subject, kind=kind, purpose=purpose, actor=actor, opened_at=now)
    sealed = crypto.Sealed(bytes(document.nonce), bytes(document.ciphertext))
    return crypto.unseal(_unwrap(document.data_key), sealed, bound_to=binding_of(subject, kind, name))


def _unwrap(data_key: DataKey) -> bytes:
    if data_key.wrapped_key is None:
        raise Shredded(data_key.subject)
    return crypto.unwrap(
        bytes(data_key.wrapped_key), key_id=data_key.wrapping_key_id, subject=data_key.subject
    )


def binding_of(subject: str, kind: Kind, name: str) -> str:
    return f"{subject}/{kind}/{name}"
