"""I9: no address in clear outside the vault, and none readable past its date.

The database cannot be asked what an address looks like, so the search goes the other way: each live
address is opened here, in memory, and its telling lines are looked for in every text column of every table.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Max
from psycopg import sql

from common.invariants import Check, Violation
from fulfillment.vault import encryption
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey, Opening, SealedDocument
from fulfillment.vault.services import binding_of

# Shorter lines ("1 A St") would be found by chance in other text.
TELLING_LENGTH = 8
# So many addresses are looked for in one pass over the tables; some 100 MiB of lines.
ADDRESSES_A_PASS = 200_000
CHUNK = 2_000
SHREDDED_WITHIN = timedelta(days=2)
_WORD = re.compile(r"[a-z0-9]{4,}")


@dataclass(frozen=True)
class AddressLine:
    """A line of an address, in small letters, and whose it is."""

    text: str
    subject: str


class Lines:
    """Lines to be looked for in much text: by their longest word, and whole only where that stands."""

    def __init__(self, lines: Iterable[AddressLine]) -> None:
        self._by_word: dict[str, list[AddressLine]] = {}
        # Writing without spaces or Latin letters has no words to go by; such lines are tried one by one.
        self._wordless: list[AddressLine] = []
        self.count = 0
        for line in lines:
            self.count += 1
            words = _WORD.findall(line.text)
            if words:
                self._by_word.setdefault(max(words, key=len), []).append(line)
            else:
                self._wordless.append(line)

    def found_in(self, text: str) -> set[str]:
        """Whose lines stand in the text."""
        candidates = [
            line for word in self._by_word.keys() & set(_WORD.findall(text)) for line in self._by_word[word]
        ]
        return {line.subject for line in (*candidates, *self._wordless) if line.text in text}


def no_address_outside() -> tuple[int, Iterable[Violation]]:
    """Streets and phones of live addresses, looked for in every text and JSON column."""
    found: list[Violation] = []
    looked_at = 0
    columns = list(_text_columns())
    for lines in _passes():
        looked_at += lines.count
        for table, column in columns:
            subjects = set().union(*(lines.found_in(text) for text in _texts(table, column)))
            found.extend(
                Violation("I9", f"{table}.{column} holds part of an address in clear", [subject])
                for subject in sorted(subjects)
            )
    return looked_at, found


def nothing_past_its_date() -> tuple[int, Iterable[Violation]]:
    """A shredded key is gone with all that it sealed."""
    left = SealedDocument.objects.filter(data_key__shredded_at__isnull=False)
    return DataKey.objects.count(), [
        Violation("I9", "a document outlived its key", [subject])
        for subject in left.values_list("data_key__subject", flat=True)
    ]


def shredding_is_on_time() -> tuple[int, Iterable[Violation]]:
    """The nightly job shreds what is due; whatever is still readable two nights later was forgotten.

    Told by the vault's own last activity, so that a copy of an old programme is not all overdue.
    """
    seen = DataKey.objects.aggregate(made=Max("created_at"), shredded=Max("shredded_at"))
    opened = Opening.objects.aggregate(last=Max("opened_at"))["last"]
    last = max((moment for moment in (*seen.values(), opened) if moment), default=None)
    forgotten = DataKey.objects.due_for_shredding(last - SHREDDED_WITHIN) if last else DataKey.objects.none()
    return DataKey.objects.count(), [
        Violation("I9", "an address is readable past its date", [subject])
        for subject in forgotten.values_list("subject", flat=True)
    ]


def _passes() -> Iterator[Lines]:
    batch: list[AddressLine] = []
    for number, lines in enumerate(_lines_of_addresses(), start=1):
        batch.extend(lines)
        if number % ADDRESSES_A_PASS == 0:
            yield Lines(batch)
            batch = []
    if batch:
        yield Lines(batch)


def _lines_of_addresses() -> Iterator[list[AddressLine]]:
    """The telling lines of each live address. Checking is no opening: nobody is shown anything."""
    documents = SealedDocument.objects.select_related("data_key").filter(
        kind=SealedDocument.Kind.ADDRESS, data_key__wrapped_key__isnull=False
    )
    for document in documents.iterator(chunk_size=CHUNK):
        data_key = document.data_key
        key = encryption.unwrap(
            bytes(data_key.wrapped_key or b""), key_id=data_key.wrapping_key_id, subject=data_key.subject
        )
        sealed = encryption.Sealed(bytes(document.nonce), bytes(document.ciphertext))
        binding = binding_of(data_key.subject, SealedDocument.Kind(document.kind), document.name)
        address = PostalAddress.from_json(encryption.decrypt(key, sealed, bound_to=binding))
        yield [
            AddressLine(text.lower(), data_key.subject)
            for text in (address.street1, address.phone)
            if len(text) >= TELLING_LENGTH
        ]


def _text_columns() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT columns.table_name, columns.column_name
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
              AND data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY')
              AND coalesce(character_maximum_length, %s) >= %s
            ORDER BY columns.table_name, ordinal_position
            """,
            [TELLING_LENGTH, TELLING_LENGTH],
        )
        yield from cursor.fetchall()


def _texts(table: str, column: str) -> Iterator[str]:
    """What stands in a column, each text once, streamed."""
    query = sql.SQL("SELECT DISTINCT {column}::text FROM {table} WHERE {column} IS NOT NULL").format(
        column=sql.Identifier(column), table=sql.Identifier(table)
    )
    # A server-side cursor lives in a transaction.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query)
        for (text,) in cursor:
            yield text.lower()


CHECKS = [
    Check("I9", "no address outside the vault", no_address_outside),
    Check("I9", "nothing readable past its date", nothing_past_its_date),
    Check("I9", "shredding is on time", shredding_is_on_time),
]
