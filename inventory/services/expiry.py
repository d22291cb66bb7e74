"""Expiry of reservations."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from inventory.errors import InventoryError
from inventory.models import Expiry
from inventory.rules import Reason
from inventory.services.reservations import release

logger = logging.getLogger("keydesk.inventory")

HolderEnds = Callable[[str], bool]


def set_reservation_expiry(*, holder: str, expires_at: datetime | None) -> None:
    """Set when a holder's reservation ends; None for never. Part of the caller's transaction."""
    if expires_at is None:
        Expiry.objects.filter(holder=holder).delete()
    else:
        # One statement, because another transaction may change the row between a read and a write.
        Expiry.objects.bulk_create(
            [Expiry(holder=holder, expires_at=expires_at)],
            update_conflicts=True,
            unique_fields=["holder"],
            update_fields=["expires_at"],
        )


def release_expired(*, now: datetime, holder_ends: HolderEnds | None = None, at_most: int = 500) -> list[str]:
    """Release expired reservations. Returns the holders whose units were released.

    Args:  holder_ends: handles the holder, called first in the same transaction: locks it and
           returns whether its reservation may end now. If not, it is called again next time.
    Locks: in one transaction for each holder: whatever `holder_ends` locks, the expiry, then the units.
           Concurrent calls are safe. A holder whose keys are already packed keeps them, because the
           parcel exists.
    """
    due = Expiry.objects.filter(expires_at__lte=now).order_by("expires_at").values_list("holder", flat=True)
    return [holder for holder in list(due[:at_most]) if _expire(holder, holder_ends, now=now)]


def _expire(holder: str, holder_ends: HolderEnds | None, *, now: datetime) -> bool:
    try:
        with transaction.atomic():
            if holder_ends is not None and not holder_ends(holder):
                return False
            ended, _ = Expiry.objects.filter(holder=holder, expires_at__lte=now).delete()
            if not ended:
                # Another worker was first, or the reservation was extended: the holder is left unchanged.
                transaction.set_rollback(True)
                return False
            return bool(release(holder=holder, actor="system:expiry", now=now, reason=Reason.EXPIRED))
    except InventoryError as refusal:
        logger.warning("reservation of %s is past its time, but stays: %s", holder, refusal)
        Expiry.objects.filter(holder=holder, expires_at__lte=now).delete()
        return False
