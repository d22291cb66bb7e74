"""Recalls: replace recalled keys that were sent, and return claims that lost theirs to the waitlist."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from fulfillment.claims import selectors
from fulfillment.claims.errors import NothingToReplace
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.replacements import grant_replacement
from fulfillment.claims.services.transitions import change_state
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.errors import Shredded
from inventory.errors import UnknownDocument
from inventory.models import Recall, Unit
from inventory.rules import Criteria
from inventory.selectors import recall_reach, recalled_units_shipped
from inventory.services.reservations import release

ACTOR = "system:recall"


@dataclass
class RecallReplacements:
    """The result of granting the replacements of a recall."""

    recall: str
    # The codes of the replacement claims made now, accepted or waitlisted.
    granted: list[str] = field(default_factory=list)
    # Claims whose keys had already been replaced.
    replaced_before: list[str] = field(default_factory=list)
    # Claims whose address is shredded: the maintainer is asked for one.
    without_address: list[str] = field(default_factory=list)
    # Claims that lost reserved keys, and are next on the waitlist.
    back_in_line: list[str] = field(default_factory=list)
    # Serials in sealed parcels, to be stopped manually.
    packed: list[str] = field(default_factory=list)


def grant_replacements(*, recall_code: str, actor: str, now: datetime) -> RecallReplacements:
    """Replace every key of a recall that has left the warehouse; safe to repeat.

    Each claim is a transaction, so after an interruption the next call continues. Keys of another lot of the
    same model are sent, unless the whole model is recalled: then keys of any model.

    Raises: UnknownRecord: no such open recall.
    """
    recall = Recall.objects.open().filter(code=recall_code).first()
    if recall is None:
        raise UnknownDocument("open recall", recall_code)
    criteria = Criteria.from_document(recall.criteria)
    partly = bool(criteria.lot or criteria.serials or criteria.firmware_from or criteria.firmware_to)
    done = RecallReplacements(recall_code, back_in_line=return_to_waitlist(recall_id=recall.pk, now=now))
    for code, serials in recalled_units_shipped(recall).items():
        try:
            made = grant_replacement(
                code=code, serials=serials, why=recall_code, actor=actor, now=now, same_model=partly
            )
            done.granted.append(made.code)
        except NothingToReplace:
            done.replaced_before.append(code)
        except Shredded:
            _ask_for_address(code, len(serials), recall_code, now=now)
            done.without_address.append(code)
    done.packed = recall_reach(recall).packed
    return done


def _ask_for_address(code: str, quantity: int, recall_code: str, *, now: datetime) -> None:
    queue_notice(
        account_id=Claim.objects.values_list("account_id", flat=True).get(code=code),
        template=Notice.Template.ASK_ADDRESS,
        claim_code=code,
        context={"quantity": quantity},
        once=f"ask_address:{code}:{recall_code}",
        now=now,
    )


def return_to_waitlist(*, recall_id: int, now: datetime) -> list[str]:
    """Return claims that lost reserved keys to the waitlist, ahead of later claims; release their other keys.

    A claim whose label is started keeps its keys: its parcel is at the packing table. Returns: the codes.
    """
    short = recall_reach(Recall.objects.get(pk=recall_id)).short
    return [code for code in sorted(set(short)) if _return_to_waitlist(code, now=now)]


@transaction.atomic
def _return_to_waitlist(code: str, *, now: datetime) -> bool:
    """Locks: the claim's row, then its units."""
    claim = Claim.objects.select_for_update(no_key=True).filter(code=code, state=ClaimState.ACCEPTED).first()
    if claim is None or claim.label_started_at is not None or not _is_short(claim):
        return False
    release(holder=code, actor=ACTOR, now=now)
    change_state(
        claim,
        to=ClaimState.WAITLISTED,
        name=ClaimEvent.Name.RECALLED,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.ACCEPTED},
        waitlisted_at=claim.created_at,
    )
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.RECALLED,
        claim_code=code,
        context={"place": selectors.waitlist_place(claim)},
        now=now,
        country=claim.country,
    )
    return True


def _is_short(claim: Claim) -> bool:
    """Whether it holds fewer keys than it requested: it may have received others since."""
    wanted = sum(item.quantity for item in claim.items.all())
    return Unit.objects.held_by(claim.code).count() < wanted
