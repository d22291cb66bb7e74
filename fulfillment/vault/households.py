"""Detect claims of the same household by a keyed hash, without opening or storing an address.

Each campaign has its own key. When the key is shredded, its hashes are deleted too.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from common.prepared_queries import prepared
from fulfillment.vault import encryption
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey, HouseholdKey


def household_hash(address: PostalAddress, *, key: bytes) -> bytes:
    """Hash an address so that all spellings of one home match.

    Case, accents, spaces, punctuation and names are ignored.
    """
    place = (address.country, address.postal_code or address.city, address.street1 + address.street2)
    return hmac.digest(key, "\x1f".join(map(_plain, place)).encode(), hashlib.sha256)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed if character.isalnum())


@dataclass(frozen=True, repr=False)
class Household:
    """The destination of a claim, as a hash under the key of its campaign."""

    digest: bytes
    key_id: int


def household_of(*, scope: str, address: PostalAddress, now: datetime) -> Household | None:
    """The address's household in a campaign; None once the campaign's key is shredded.

    Args: scope: the campaign's slug.
    """
    household_key = _key_of(scope, now=now)
    if household_key.wrapped_key is None:
        return None
    return Household(household_hash(address, key=_unwrapped(household_key)), household_key.pk)


def lock_household(household: Household) -> None:
    """Lock a household until the transaction ends, so that its claims are counted one after another.

    Without the lock, two simultaneous claims would not see each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(household.digest[:8], signed=True)]
        )


def subjects_sharing(household: Household) -> Collection[str]:
    """All claims of the campaign for this household, past and present."""
    sharing = DataKey.objects.filter(household=household.digest, household_key=household.key_id)
    return list(sharing.values_list("subject", flat=True))


@transaction.atomic
def shred_households(*, scope: str, now: datetime) -> bool:
    """Destroy a campaign's household key and every hash under it; return whether there was one."""
    shredded = HouseholdKey.objects.filter(scope=scope, shredded_at__isnull=True).update(
        wrapped_key=None, wrapping_key_id="", shredded_at=now
    )
    DataKey.objects.filter(household_key__scope=scope, household__isnull=False).update(household=None)
    return bool(shredded)


def _key_of(scope: str, *, now: datetime) -> HouseholdKey:
    """The campaign's key, created on first use; of two created concurrently, one is kept."""
    found = next(iter(_keys(scope=scope)), None)
    if found is None:
        key_id, wrapped = encryption.wrap(encryption.new_data_key(), subject=wrapping_subject(scope))
        HouseholdKey.objects.bulk_create(
            [HouseholdKey(scope=scope, wrapped_key=wrapped, wrapping_key_id=key_id, created_at=now)],
            ignore_conflicts=True,
        )
        found = HouseholdKey.objects.get(scope=scope)
    return found


@prepared
def _keys(*, scope: str) -> QuerySet[HouseholdKey]:
    return HouseholdKey.objects.filter(scope=scope)


def _unwrapped(household_key: HouseholdKey) -> bytes:
    return encryption.unwrap(
        bytes(household_key.wrapped_key or b""),
        key_id=household_key.wrapping_key_id,
        subject=wrapping_subject(household_key.scope),
    )


def wrapping_subject(scope: str) -> str:
    """The subject that a campaign's key is bound to when it is wrapped."""
    return f"households of {scope}"
