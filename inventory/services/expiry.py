"""Reservations that end by themselves."""

import logging
from datetime import datetime

from django.db import transaction

from inventory.errors import InventoryError
from inventory.models import Expiry
from inventory.rules import Reason
from inventory.services.reservations import release

logger = logging.getLogger("keydesk.inventory")


def let_expire(*, holder: str, expires_at: datetime | None) -> None:
    """Set when a holder's reservation ends, or with None that it lasts. Part of the caller's transaction."""
    if expires_at is None:
        Expiry.objects.filter(holder=holder).delete()
    else:
        Expiry.objects.update_or_create(holder=holder, defaults={"expires_at": expires_at})


def release_expired(*, now: datetime, at_most: int = 500) -> list[str]:
    """Give back what is reserved longer than agreed; the holders that lost their units.

    Each holder is a transaction. Several may do this at once: nobody waits, and each holder is one's. A
    holder whose keys are packed by now keeps them: the parcel is made.
    """
    released: list[str] = []
    for _ in range(at_most):
        with transaction.atomic():
            due = (
                Expiry.objects.filter(expires_at__lte=now)
                .order_by("expires_at")
                .select_for_update(skip_locked=True)
                .first()
            )
            if due is None:
                break
            due.delete()
            try:
                with transaction.atomic():
                    if release(holder=due.holder, actor="system:expiry", now=now, reason=Reason.EXPIRED):
                        released.append(due.holder)
            except InventoryError as refusal:
                logger.warning("reservation of %s is past its time, but stays: %s", due.holder, refusal)
    return released
