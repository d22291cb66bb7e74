"""Export all data held about one account."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypedDict

from django.apps import apps
from django.utils.functional import Promise

from fulfillment.claims.models import Claim, Draft
from fulfillment.privacy.data_inventory import ADDRESSES, KEYS, OPENINGS, SECTIONS, DataSection, DataTable
from fulfillment.vault.errors import Shredded
from fulfillment.vault.models import DataKey, Opening
from fulfillment.vault.services import open_address
from inventory.models import Unit
from roster.models import Account


def everything_about(account: Account, *, now: datetime) -> dict[str, object]:
    """All data held about a maintainer, by category, with purpose and retention; ready for JSON.

    Addresses are opened for the purpose `claimant`, which is logged.
    """
    codes = claim_codes(account)
    sections = [_document(section, _rows_of(section, account)) for section in SECTIONS]
    sections.append(_document(KEYS, {"keys": _keys(codes)}))
    sections.append(_document(ADDRESSES, {"addresses": list(_addresses(account, codes, now=now))}))
    sections.append(_document(OPENINGS, {"openings": [_plain({**row}) for row in access_log(codes)]}))
    return {
        "about": account.username,
        "as_of": now.isoformat(),
        "sections": sections,
    }


def claim_codes(account: Account) -> list[str]:
    """The codes under which the vault holds this person's data: their claims and drafts."""
    claims = Claim.objects.of(account.pk).values_list("code", flat=True)
    return [*claims.order_by("created_at"), *draft_codes(account)]


def draft_codes(account: Account) -> list[str]:
    return list(Draft.objects.filter(account=account, claim=None).values_list("code", flat=True))


class AccessLogEntry(TypedDict):
    """One opening of a document; `who` is `you`, `staff` or `system`."""

    claim: str
    what: str
    purpose: str
    who: str
    opened_at: datetime


def access_log(codes: Sequence[str]) -> list[AccessLogEntry]:
    """Every opening of the documents of these claims, newest first."""
    rows = Opening.objects.filter(subject__in=codes).order_by("-opened_at", "-id")
    return [
        {
            "claim": row.subject,
            "what": row.kind,
            "purpose": row.purpose,
            "who": actor_kind(row.actor),
            "opened_at": row.opened_at,
        }
        for row in rows
    ]


def actor_kind(actor: str) -> str:
    """Who acted, in as much detail as the claimant may see: `you`, `staff` or `system`."""
    kind = actor.partition(":")[0]
    return {"maintainer": "you", "claimant": "you", "system": "system"}.get(kind, "staff")


@dataclass(frozen=True)
class HeldAddress:
    """An address held for a claim, and the latest date until which it is kept."""

    claim_code: str
    shred_after: datetime | None
    is_shredded: bool


def held_addresses(codes: Sequence[str]) -> list[HeldAddress]:
    keys = DataKey.objects.filter(subject__in=codes).order_by("created_at")
    return [HeldAddress(key.subject, key.shred_after, key.shredded_at is not None) for key in keys]


def _keys(codes: Sequence[str]) -> list[dict[str, object]]:
    held = Unit.objects.filter(held_for__in=codes).order_by("held_for", "serial")
    return [
        {
            "claim": unit["held_for"],
            "serial": unit["serial"],
            "model": unit["key_model__sku"],
            "is": unit["account"],
        }
        for unit in held.values("held_for", "serial", "key_model__sku", "account")
    ]


def _addresses(account: Account, codes: Sequence[str], *, now: datetime) -> Iterator[dict[str, object]]:
    for held in held_addresses(codes):
        document: dict[str, object] = {"claim": held.claim_code}
        try:
            address = open_address(
                subject=held.claim_code,
                purpose=Opening.Purpose.CLAIMANT,
                actor=f"maintainer:{account.pk}",
                now=now,
            )
        except Shredded:
            yield {**document, "shredded": True}
            continue
        until = held.shred_after.isoformat() if held.shred_after else None
        yield {**document, "shredded": False, "held_until": until, **vars(address)}


def _rows_of(section: DataSection, account: Account) -> Mapping[str, object]:
    return {
        table.exported_as or table.model: [_plain(row) for row in _rows(table, account)]
        for table in section.tables
    }


def _rows(table: DataTable, account: Account) -> Iterator[dict[str, object]]:
    rows = apps.get_model(table.model)._default_manager.filter(**{table.path or "pk": account.pk})
    yield from rows.order_by("pk").values(*table.fields)


def _document(section: DataSection, rows: Mapping[str, object]) -> dict[str, object]:
    return {
        "name": section.name,
        "what": _text(section.title),
        "why": _text(section.why),
        "until": _text(section.until),
        "erasable": section.erasable,
        "rows": rows,
    }


def _text(words: str | Promise) -> str:
    return str(words)


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, date | time) else value for name, value in row.items()
    }
