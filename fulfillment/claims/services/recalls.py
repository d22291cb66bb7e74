"""What a recall means for those who have, or were to get, one of its keys."""

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
from inventory.selectors import recall_reach, recalled_out
from inventory.services.reservations import release

ACTOR = "system:recall"


@dataclass
class RecallReplacements:
    """What one action did about a recall."""

    recall: str
    # The codes of the replacement claims made now, accepted or in line.
    granted: list[str] = field(default_factory=list)
    # Claims whose keys were replaced before, so nothing was done.
    replaced_before: list[str] = field(default_factory=list)
    # Claims whose address is gone: the maintainer is asked for one.
    without_address: list[str] = field(default_factory=list)
    # Claims that lost reserved keys, and are first in line for others.
    back_in_line: list[str] = field(default_factory=list)
    # Serials in closed parcels, to be stopped by hand.
    packed: list[str] = field(default_factory=list)


def grant_replacements(*, recall_code: str, actor: str, now: datetime) -> RecallReplacements:
    """Replace every key of a recall that has left the building; can be done again and again.

    Each claim is a transaction, so an interruption leaves fewer replacements and the next call goes on. Keys
    of another lot of the same model are sent, unless the recall is of the whole model: then of any.

    Raises: UnknownPaper: no such open recall.
    """
    recall = Recall.objects.open().filter(code=recall_code).first()
    if recall is None:
        raise UnknownDocument("open recall", recall_code)
    criteria = Criteria.from_document(recall.criteria)
    partly = bool(criteria.lot or criteria.serials or criteria.firmware_from or criteria.firmware_to)
    done = RecallReplacements(recall_code, back_in_line=return_to_waitlist(recall_id=recall.pk, now=now))
    for code, serials in recalled_out(recall).items():
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
    """Claims that lost reserved keys to a recall give the rest back, and wait before all that came later.

    One whose label is begun keeps what it has: its parcel is at the packing table. Returns: the codes.
    """
    short = recall_reach(Recall.objects.get(pk=recall_id)).short
    return [code for code in sorted(set(short)) if _put_back(code, now=now)]


@transaction.atomic
def _put_back(code: str, *, now: datetime) -> bool:
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
    """Whether it holds less than it asked for: it may have got others since."""
    wanted = sum(item.quantity for item in claim.items.all())
    return Unit.objects.held_by(claim.code).count() < wanted
