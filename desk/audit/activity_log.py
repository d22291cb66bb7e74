"""The activity log: audit entries, claim events, ledger movements and address openings in one stream.

Each source is an append-only table, read by an index from the newest row; the streams are merged, so that
page 1,000 costs the same as page 1.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Model, Q, QuerySet

from desk.models import AuditEntry
from fulfillment.claims.models import ClaimEvent
from fulfillment.vault.models import EncryptedDocument, Opening
from inventory.models import Movement
from inventory.rules import Account, Reason

# Rows read at a time from each source during an export.
_CHUNK = 1_000


@dataclass(frozen=True)
class ActivityRow:
    """One recorded action. `hash`: its hash, if its source is chained."""

    source: str
    pk: int
    at: datetime
    actor: str
    action: str
    subject_kind: str
    subject: str
    reason: str = ""
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    hash: bytes = b""

    @property
    def place(self) -> tuple[datetime, int, int]:
        """The sort key; descending order is newest first."""
        return self.at, -_RANKS[self.source], self.pk

    @property
    def cursor(self) -> str:
        return f"{self.at.isoformat()}~{self.source}~{self.pk}"


@dataclass(frozen=True)
class ActivityFilter:
    """Filters of the stream; an empty field matches all. `after` is the cursor of a line."""

    source: str = ""
    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: str = ""


@dataclass(frozen=True)
class ActivitySource:
    """A source table: its name, rows, field names, and the conversion of a row to a line."""

    name: str
    label: str
    rows: Callable[[], QuerySet[Any]]
    at: str
    action: str
    subject: str
    line: Callable[[Any], ActivityRow]
    # All its actions, if that is a closed list; other actions need no search.
    actions: frozenset[str] | None = None

    def find(self, asked: ActivityFilter) -> QuerySet[Any]:
        if asked.action and self.actions is not None and asked.action not in self.actions:
            return self.rows().none()
        wanted = {"actor": asked.actor, self.action: asked.action, self.subject: asked.subject}
        rows = self.rows().filter(**{name: value for name, value in wanted.items() if value})
        if asked.since:
            rows = rows.filter(**{f"{self.at}__gte": asked.since})
        if asked.until:
            rows = rows.filter(**{f"{self.at}__lt": asked.until})
        if asked.after:
            rows = rows.filter(self._older_than(asked.after))
        return rows.order_by(f"-{self.at}", "-pk")

    def _older_than(self, cursor: str) -> Q:
        moment, source, pk = read_cursor(cursor)
        older = Q(**{f"{self.at}__lte": moment})
        same = Q(**{self.at: moment})
        if source == self.name:
            return older & ~(same & Q(pk__gte=pk))
        return older & ~same if _RANKS[self.name] < _RANKS[source] else older


def read_cursor(cursor: str) -> tuple[datetime, str, int]:
    """Raises: ValueError: not a cursor, for example from a truncated link."""
    moment, source, pk = cursor.split("~")
    if source not in _RANKS or not pk.isdecimal() or len(pk) > 18:
        raise ValueError(cursor)
    at = datetime.fromisoformat(moment)
    if at.tzinfo is None:
        raise ValueError(cursor)
    return at, source, int(pk)


def activity_page(asked: ActivityFilter, *, size: int) -> tuple[list[ActivityRow], str]:
    """The newest matching lines, and the cursor of the next page, empty on the last. One query per source."""
    found = list(islice(_merged(asked, lambda rows: iter(rows[: size + 1])), size + 1))
    return found[:size], found[size - 1].cursor if len(found) > size else ""


def activity_rows(asked: ActivityFilter) -> Iterator[ActivityRow]:
    """All matching lines, read lazily."""
    return _merged(asked, lambda rows: rows.iterator(chunk_size=_CHUNK))


def _merged(asked: ActivityFilter, read: Callable[[QuerySet[Any]], Iterator[Model]]) -> Iterator[ActivityRow]:
    lines = (
        map(source.line, read(source.find(asked))) for source in SOURCES if asked.source in ("", source.name)
    )
    return merge(*lines, key=lambda line: line.place, reverse=True)


def _of_the_desk(entry: AuditEntry) -> ActivityRow:
    return ActivityRow(
        "desk",
        entry.pk,
        entry.at,
        entry.actor,
        entry.action,
        entry.subject_kind,
        entry.subject,
        entry.reason,
        entry.before,
        entry.after,
        bytes(entry.hash),
    )


def _of_a_claim(event: ClaimEvent) -> ActivityRow:
    data = dict(event.data)
    return ActivityRow(
        "claims",
        event.pk,
        event.at,
        event.actor,
        event.name,
        "claim",
        event.claim.code,
        str(data.pop("note", "")),
        {"state": event.state_before} if event.state_before != event.state_after else {},
        ({"state": event.state_after} if event.state_before != event.state_after else {}) | data,
    )


def _of_the_ledger(movement: Movement) -> ActivityRow:
    return ActivityRow(
        "ledger",
        movement.pk,
        movement.moved_at,
        movement.actor,
        movement.reason,
        "unit",
        movement.unit.serial,
        movement.reference,
        {"account": Account(movement.from_account).value},
        {"account": Account(movement.to_account).value},
        bytes(movement.hash),
    )


def _of_the_vault(opening: Opening) -> ActivityRow:
    return ActivityRow(
        "vault",
        opening.pk,
        opening.opened_at,
        opening.actor,
        opening.kind,
        "claim",
        opening.subject,
        opening.get_purpose_display(),
    )


SOURCES = (
    ActivitySource("desk", "The desk", AuditEntry.objects.all, "at", "action", "subject", _of_the_desk),
    ActivitySource(
        "claims",
        "Claims",
        lambda: ClaimEvent.objects.select_related("claim"),
        "at",
        "name",
        "claim__code",
        _of_a_claim,
        frozenset(ClaimEvent.Name.values),
    ),
    ActivitySource(
        "ledger",
        "The ledger of keys",
        lambda: Movement.objects.select_related("unit"),
        "moved_at",
        "reason",
        "unit__serial",
        _of_the_ledger,
        frozenset(map(str, Reason)),
    ),
    ActivitySource(
        "vault",
        "Opened addresses",
        Opening.objects.all,
        "opened_at",
        "kind",
        "subject",
        _of_the_vault,
        frozenset(EncryptedDocument.Kind.values),
    ),
)
_RANKS = {source.name: rank for rank, source in enumerate(SOURCES)}
