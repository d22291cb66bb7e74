"""Seal, open for a reason, shred. One claim at a time; every opening is logged before anything is shown."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from common.prepared_queries import prepared
from fulfillment.vault import encryption
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.households import Household, household_of
from fulfillment.vault.models import DataKey, Opening, SealedDocument

Kind = SealedDocument.Kind
Purpose = Opening.Purpose
# However a claim goes, what it sealed is unreadable so long after it was made; most go far sooner.
LONGEST_KEPT = timedelta(days=400)


@transaction.atomic(savepoint=False)
def seal_address(*, subject: str, address: PostalAddress, now: datetime, scope: str = "") -> None:
    """Keep the address of a claim, in place of any before.

    Args: scope: the campaign in which it is compared with others', as a hash; empty for not at all.
    """
    household = household_of(scope=scope, address=address, now=now) if scope else None
    _seal(
        subject=subject, kind=Kind.ADDRESS, name="", content=address.as_json(), now=now, household=household
    )


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


def keep_after_all(*, subject: str) -> None:
    """Take back a date that was set, for the claim goes on; the longest time still bounds it."""
    DataKey.objects.filter(subject=subject, shredded_at__isnull=True).update(
        shred_after=F("created_at") + LONGEST_KEPT
    )


@transaction.atomic
def shred(*, subject: str, now: datetime) -> bool:
    """Destroy the data key of a claim and all that it sealed; whether there was anything to destroy."""
    shredded = DataKey.objects.filter(subject=subject, shredded_at__isnull=True).update(
        wrapped_key=None, wrapping_key_id="", shredded_at=now
    )
    SealedDocument.objects.filter(data_key__subject=subject).delete()
    return bool(shredded)


def shred_due(*, now: datetime, due_by: datetime | None = None) -> int:
    """Shred whatever is past its date, each in its own transaction; returns how many claims that were.

    Args: due_by: shred what has a date up to this moment, not only up to `now`.
    """
    return sum(shred(subject=subject, now=now) for subject in subjects_due(due_by or now))


def subjects_due(moment: datetime) -> list[str]:
    """The claims whose date for shredding has come by this moment."""
    due = DataKey.objects.due_for_shredding(moment).order_by("shred_after", "pk")
    return list(due.values_list("subject", flat=True))


def _seal(
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
    sealed = encryption.encrypt(key, content, bound_to=binding_of(subject, kind, name))
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


@prepared
def _locked_key(*, subject: str) -> QuerySet[DataKey]:
    return DataKey.objects.select_for_update().filter(subject=subject)


@prepared
def _sealed(*, subject: str, kind: Kind, name: str) -> QuerySet[Any, Any]:
    """A document and what opens it."""
    return SealedDocument.objects.filter(data_key__subject=subject, kind=kind, name=name).values_list(
        "nonce", "ciphertext", "data_key__wrapped_key", "data_key__wrapping_key_id"
    )


def _open(*, subject: str, kind: Kind, name: str, purpose: Purpose, actor: str, now: datetime) -> bytes:
    nonce, ciphertext, wrapped_key, key_id = next(
        iter(_sealed(subject=subject, kind=kind, name=name)), (b"", b"", None, "")
    )
    if wrapped_key is None:
        raise Shredded(subject)
    Opening.objects.create(subject=subject, kind=kind, purpose=purpose, actor=actor, opened_at=now)
    key = encryption.unwrap(bytes(wrapped_key), key_id=key_id, subject=subject)
    return encryption.decrypt(
        key, encryption.Sealed(bytes(nonce), bytes(ciphertext)), bound_to=binding_of(subject, kind, name)
    )


def _unwrap(data_key: DataKey) -> bytes:
    if data_key.wrapped_key is None:
        raise Shredded(data_key.subject)
    return encryption.unwrap(
        bytes(data_key.wrapped_key), key_id=data_key.wrapping_key_id, subject=data_key.subject
    )


def binding_of(subject: str, kind: Kind, name: str) -> str:
    return f"{subject}/{kind}/{name}"
