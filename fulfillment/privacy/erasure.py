"""Erase a person's data as far as permitted, and list what is kept, why and until when."""

from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet

from config.models import User
from fulfillment.claims.errors import TooLate
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import HOLDING_STATES, ClaimState
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.drafts import delete_drafts
from fulfillment.notices.models import Recipient
from fulfillment.notices.services import forget_messages
from fulfillment.privacy.data_inventory import ALL_SECTIONS, DataSection
from fulfillment.privacy.models import Erasure
from fulfillment.vault.services import schedule_shredding, shred
from roster.models import Account
from roster.services.appeals import forget_appeals
from roster.services.preferences import do_not_contact, opt_out

# Parcels in these states may still need their address, to be sent or found.
UNDER_WAY = HOLDING_STATES - {ClaimState.DELIVERED}


@dataclass(frozen=True)
class Erased:
    """The result of an erasure.

    `counts` is the number of records erased. `under_way` are claims whose parcel still needs its address,
    with the latest date until which it is kept; `stays` are the categories of data that are kept.
    """

    counts: dict[str, int]
    under_way: list[tuple[str, datetime]]
    stays: list[DataSection]

    def as_document(self) -> dict[str, object]:
        return {
            "erased": self.counts,
            "under_way": [
                {"claim": code, "address_until": until.isoformat()} for code, until in self.under_way
            ],
            "stays": [
                {
                    "name": section.name,
                    "what": str(section.title),
                    "why": str(section.why),
                    "until": str(section.until),
                }
                for section in self.stays
            ],
        }


def erase(*, account: Account, now: datetime) -> Erased:
    """Erase all data of a maintainer that need not be kept, and stop emails to them.

    Claims are cancelled where possible; addresses are shredded unless a parcel is on its way to them; the
    text of messages, the phrase and the sign-in are deleted. Idempotent.
    Locks: each claim's row while it is cancelled; nothing across claims.
    """
    cancelled = sum(_cancelled(claim, account, now=now) for claim in _claims(account))
    with transaction.atomic(durable=True):
        under_way = []
        shredded = 0
        for claim in _claims(account).order_by("pk").select_for_update(no_key=True):
            if claim.state in UNDER_WAY:
                until = now + KEEP_ADDRESS_FOR
                schedule_shredding(subject=claim.code, shred_after=until)
                under_way.append((claim.code, until))
            else:
                shredded += shred(subject=claim.code, now=now)
        delete_drafts(account=account, now=now)
        opt_out(account=account, actor=f"maintainer:{account.pk}", now=now)
        do_not_contact(account=account, actor=f"maintainer:{account.pk}", now=now)
        counts = {
            "claims_cancelled": cancelled,
            "addresses_shredded": shredded + cancelled,
            "messages_blanked": forget_messages(account_id=account.pk, now=now),
            "preferences": Recipient.objects.filter(account=account).update(phrase="", language=""),
            "appeals": forget_appeals(account_id=account.pk),
            "sign_ins": _remove_sign_in(account),
        }
        Erasure.objects.create(account=account, erased_at=now, counts=counts)
    return Erased(counts, under_way, data_retained())


def data_retained() -> list[DataSection]:
    return [section for section in ALL_SECTIONS if not section.erasable]


def data_erased() -> list[DataSection]:
    return [section for section in ALL_SECTIONS if section.erasable]


def _claims(account: Account) -> QuerySet[Claim]:
    return Claim.objects.of(account.pk)


def _cancelled(claim: Claim, account: Account, *, now: datetime) -> bool:
    try:
        cancel_claim(code=claim.code, actor=f"maintainer:{account.pk}", now=now)
    except TooLate:
        return False
    return True


def _remove_sign_in(account: Account) -> int:
    """Delete the sign-in and so all its sessions, except for staff, who need theirs for their work."""
    user = User.objects.filter(account=account, is_staff=False).first()
    if user is None:
        return 0
    EmailAddress.objects.filter(user=user).delete()
    user.delete()
    return 1
