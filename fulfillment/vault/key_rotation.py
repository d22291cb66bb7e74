"""Rewrap live keys under the newest key-encryption key, so that the old one can be destroyed.

Once no live key is wrapped by the old one and it is gone from VAULT_KEYS and the safe, no backup of that time
can be read again (docs/privacy.md § 2).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, QuerySet

from fulfillment.vault import encryption, households
from fulfillment.vault.errors import UnknownWrappingKey
from fulfillment.vault.models import DataKey, HouseholdKey

BATCH = 500


@dataclass(frozen=True)
class RotationProgress:
    """Live keys by the key-encryption key they are wrapped with.

    `by_key` counts them by id; `unneeded` are ids of VAULT_KEYS that no live key needs any more.
    """

    current: str
    by_key: Mapping[str, int]
    unneeded: tuple[str, ...]

    @property
    def outdated(self) -> int:
        """The number of live keys that are not yet wrapped with the current key."""
        return sum(number for key_id, number in self.by_key.items() if key_id != self.current)


def rotation_progress() -> RotationProgress:
    """Count the live keys by the key-encryption key they are wrapped with."""
    counted: Counter[str] = Counter()
    for rows in (_live_data_keys(), _live_household_keys()):
        counted.update(dict(rows.values_list("wrapping_key_id").annotate(Count("pk")).order_by()))
    known = list(encryption.wrapping_keys())
    return RotationProgress(
        current=known[0],
        by_key=dict(sorted(counted.items())),
        unneeded=tuple(key_id for key_id in known[1:] if not counted[key_id]),
    )


def rewrap(*, advance: Callable[[int], object] = int) -> int:
    """Rewrap every live key under the newest of VAULT_KEYS; return how many were rewrapped.

    Can be interrupted and run again: each batch is committed.
    Args:   advance: called with the size of each finished batch.
    Raises: UnknownWrappingKey: before anything is changed, if a live key needs one that VAULT_KEYS lacks.
    Locks:  the rows of a batch, in pk order; shredding waits for them and then finds its row.
    """
    for key_id in rotation_progress().by_key:
        if key_id not in encryption.wrapping_keys():
            raise UnknownWrappingKey(key_id)
    done = 0
    while batch := _rewrap_data_keys():
        done += batch
        advance(batch)
    while batch := _rewrap_household_keys():
        done += batch
        advance(batch)
    return done


def _live_data_keys() -> QuerySet[DataKey]:
    return DataKey.objects.filter(wrapped_key__isnull=False)


def _live_household_keys() -> QuerySet[HouseholdKey]:
    return HouseholdKey.objects.filter(wrapped_key__isnull=False)


@transaction.atomic
def _rewrap_data_keys() -> int:
    rows = list(
        _live_data_keys().exclude(wrapping_key_id=_current()).order_by("pk").select_for_update()[:BATCH]
    )
    for row in rows:
        row.wrapping_key_id, row.wrapped_key = _wrapped_again(row, subject=row.subject)
    DataKey.objects.bulk_update(rows, ["wrapping_key_id", "wrapped_key"])
    return len(rows)


@transaction.atomic
def _rewrap_household_keys() -> int:
    rows = list(
        _live_household_keys().exclude(wrapping_key_id=_current()).order_by("pk").select_for_update()[:BATCH]
    )
    for row in rows:
        subject = households.wrapping_subject(row.scope)
        row.wrapping_key_id, row.wrapped_key = _wrapped_again(row, subject=subject)
    HouseholdKey.objects.bulk_update(rows, ["wrapping_key_id", "wrapped_key"])
    return len(rows)


def _wrapped_again(row: DataKey | HouseholdKey, *, subject: str) -> tuple[str, bytes]:
    key = encryption.unwrap(bytes(row.wrapped_key or b""), key_id=row.wrapping_key_id, subject=subject)
    return encryption.wrap(key, subject=subject)


def _current() -> str:
    return next(iter(encryption.wrapping_keys()))
