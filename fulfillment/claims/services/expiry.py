"""Expiry of claims whose keys were reserved for a limited time."""

from datetime import datetime
from functools import partial

from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import EXPIRING_STATES, ClaimState
from fulfillment.claims.services.transitions import change_state
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.services import shred
from inventory.services.expiry import release_expired, set_reservation_expiry

ACTOR = "system:expiry"


def expire_reservations(*, now: datetime) -> list[str]:
    """Expire the claims whose reservation has ended (see `inventory.services.expiry.set_reservation_expiry`).

    The claim expires, its units are available again and its address is shredded, in one transaction. A claim
    that was paid or accepted meanwhile keeps its units. Returns: the codes of the claims that expired.

    Locks:  each claim's row, then its units. A locked claim is left for the next run.
    After commit: the maintainer is notified, and the units go to the waitlist.
    """
    return release_expired(now=now, holder_ends=partial(_ends, now=now))


def _ends(code: str, *, now: datetime) -> bool:
    claims = Claim.objects.filter(code=code)
    claim = claims.select_for_update(no_key=True, skip_locked=True).first()
    if claim is None:
        # Not a claim's reservation: it may expire. A locked claim is left for the next run.
        return not claims.exists()
    if claim.state not in EXPIRING_STATES:
        set_reservation_expiry(holder=code, expires_at=None)
        return False
    change_state(
        claim,
        to=ClaimState.EXPIRED,
        name=ClaimEvent.Name.EXPIRED,
        actor=ACTOR,
        now=now,
        from_states=EXPIRING_STATES,
        offered_until=None,
    )
    shred(subject=code, now=now)
    queue_notice(account_id=claim.account_id, template=Notice.Template.EXPIRED, claim_code=code, now=now)
    return True
