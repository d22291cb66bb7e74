"""Drafts of claims: saved step by step, resumed later, and submitted once."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from common.public_ids import new_code
from fulfillment.claims.models import Campaign, Claim, Draft
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.rules.quotes import Quote
from fulfillment.claims.rules.retention import KEEP_DRAFT_FOR
from fulfillment.claims.services.submission import submit_claim
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_address, schedule_shredding, shred, store_address
from roster.models import Account

ANY = "*"


def draft_of(*, account: Account, campaign: Campaign, now: datetime) -> Draft:
    """The maintainer's draft, or a new one, which is stored when the first choice is made."""
    begun = Draft.objects.filter(account=account, campaign=campaign, claim=None).first()
    draft = begun or Draft(account=account, campaign=campaign, created_at=now, updated_at=now)
    # Avoids a query each: the rows are at hand.
    draft.account, draft.campaign = account, campaign
    return draft


def choose_country(draft: Draft, *, country: str, now: datetime) -> None:
    """Choose the destination country. Changing it destroys the address given before."""
    if draft.country == country:
        return
    draft.country = country
    _forget_address(draft, now=now)
    _save(draft, now=now)


def choose_keys(draft: Draft, *, items: Sequence[WantedItem], service: str, now: datetime) -> None:
    """Choose the keys and the shipping service."""
    draft.wanted = {item.sku or ANY: item.quantity for item in items}
    draft.service = service
    _save(draft, now=now)


@transaction.atomic
def store_draft_address(draft: Draft, *, address: PostalAddress, now: datetime) -> None:
    """Store the address until the claim is made, for `KEEP_DRAFT_FOR` at most."""
    # Nothing can be stored under a code whose data key was shredded.
    _forget_address(draft, now=now)
    store_address(subject=draft.code, address=address, now=now)
    schedule_shredding(subject=draft.code, shred_after=now + KEEP_DRAFT_FOR)
    draft.has_address = True
    _save(draft, now=now)


def draft_address(draft: Draft, *, actor: str, now: datetime) -> PostalAddress | None:
    """The address, if it was given and is still kept. After commit: the opening stays in the access log."""
    if not draft.has_address:
        return None
    try:
        return open_address(subject=draft.code, purpose=Purpose.CLAIMANT, actor=actor, now=now)
    except Shredded:
        return None


def draft_items(draft: Draft) -> list[WantedItem]:
    """The keys chosen so far; empty while nothing is chosen."""
    wanted: Mapping[str, int] = draft.wanted
    return [WantedItem(None if sku == ANY else sku, quantity) for sku, quantity in wanted.items()]


def submit_draft(
    draft: Draft,
    *,
    address: PostalAddress,
    agreed: Quote | None,
    actor: str,
    now: datetime,
    in_part: bool = False,
) -> Claim:
    """Submit the claim. The address is encrypted anew for it, and the draft's copy is destroyed.

    Raises: as `submit_claim`; the draft is then unchanged.
    """
    claim = submit_claim(
        campaign=draft.campaign,
        username=draft.account.username,
        items=draft_items(draft),
        address=address,
        actor=actor,
        now=now,
        service=draft.service,
        agreed=agreed,
        in_part=in_part,
    )
    finish_draft(draft, claim=claim, now=now)
    return claim


@transaction.atomic
def finish_draft(draft: Draft, *, claim: Claim, now: datetime) -> None:
    """Link the draft to the claim it became, so that the same form sent again finds it."""
    draft.claim = claim
    _save(draft, now=now)
    shred(subject=draft.code, now=now)


@transaction.atomic
def delete_drafts(*, account: Account, now: datetime) -> int:
    """Delete the drafts that a maintainer never submitted; return how many there were."""
    drafts = Draft.objects.filter(account=account, claim__isnull=True).select_for_update()
    for draft in drafts:
        shred(subject=draft.code, now=now)
    return drafts.delete()[0]


def _forget_address(draft: Draft, *, now: datetime) -> None:
    if draft.has_address:
        shred(subject=draft.code, now=now)
        draft.code = new_code("D")
        draft.has_address = False


def _save(draft: Draft, *, now: datetime) -> None:
    draft.updated_at = now
    if draft.pk is None:
        # Another window may have created the draft at the same time; the last choice wins.
        stored, _ = Draft.objects.get_or_create(
            account=draft.account,
            campaign=draft.campaign,
            claim=None,
            defaults={"code": draft.code, "created_at": draft.created_at, "updated_at": now},
        )
        draft.pk, draft.code = stored.pk, stored.code
        draft._state.adding = False
    draft.save()
