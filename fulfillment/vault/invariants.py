"""I9: no address in plain text outside the vault, and none readable past its date.

A query cannot recognize an address, so each live address is decrypted in memory, and its distinctive lines
are searched for in every text column.
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
from fulfillment.vault.models import DataKey, EncryptedDocument, Opening
from fulfillment.vault.services import encryption_context

# Shorter lines ("1 A St") would match other text by chance.
DISTINCTIVE_LENGTH = 8
# Addresses searched for in one pass over the tables; their lines take about 100 MiB.
ADDRESSES_A_PASS = 200_000
CHUNK = 2_000
SHREDDED_WITHIN = timedelta(days=2)
_WORD = re.compile(r"[a-z0-9]{4,}")


@dataclass(frozen=True)
class AddressLine:
    """A line of an address in lower case, and the claim it belongs to."""

    text: str
    subject: str


class AddressLineSearch:
    """Search for many lines in a text: first for their longest word, then for the whole line."""

    def __init__(self, lines: Iterable[AddressLine]) -> None:
        self._by_word: dict[str, list[AddressLine]] = {}
        # Lines without spaces or Latin letters have no word to index by, and are searched one by one.
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
        """The claims whose lines occur in the text."""
        candidates = [
            line for word in self._by_word.keys() & set(_WORD.findall(text)) for line in self._by_word[word]
        ]
        return {line.subject for line in (*candidates, *self._wordless) if line.text in text}


def no_address_outside_the_vault() -> tuple[int, Iterable[Violation]]:
    """No text or JSON column contains a street or phone number of a live address."""
    found: list[Violation] = []
    looked_at = 0
    columns = list(_text_columns())
    for lines in _passes():
        looked_at += lines.count
        for table, column in columns:
            subjects = set().union(*(lines.found_in(text) for text in _texts(table, column)))
            found.extend(
                Violation("I9", f"{table}.{column} contains part of an address in plain text", [subject])
                for subject in sorted(subjects)
            )
    return looked_at, found


def no_document_outlives_its_key() -> tuple[int, Iterable[Violation]]:
    """No document exists whose data key was shredded."""
    left = EncryptedDocument.objects.filter(data_key__shredded_at__isnull=False)
    return DataKey.objects.count(), [
        Violation("I9", "a document exists although its data key was shredded", [subject])
        for subject in left.values_list("data_key__subject", flat=True)
    ]


def shredding_is_on_time() -> tuple[int, Iterable[Violation]]:
    """The nightly job shreds everything due: nothing is readable two nights later.

    Measured from the vault's last activity, so that a restored old database is not reported as overdue.
    """
    seen = DataKey.objects.aggregate(made=Max("created_at"), shredded=Max("shredded_at"))
    opened = Opening.objects.aggregate(last=Max("opened_at"))["last"]
    last = max((moment for moment in (*seen.values(), opened) if moment), default=None)
    forgotten = DataKey.objects.due_for_shredding(last - SHREDDED_WITHIN) if last else DataKey.objects.none()
    return DataKey.objects.count(), [
        Violation("I9", "an address is readable past its date", [subject])
        for subject in forgotten.values_list("subject", flat=True)
    ]


def _passes() -> Iterator[AddressLineSearch]:
    batch: list[AddressLine] = []
    for number, lines in enumerate(_lines_of_addresses(), start=1):
        batch.extend(lines)
        if number % ADDRESSES_A_PASS == 0:
            yield AddressLineSearch(batch)
            batch = []
    if batch:
        yield AddressLineSearch(batch)


def _lines_of_addresses() -> Iterator[list[AddressLine]]:
    """The distinctive lines of each live address. Not logged as an opening, as they are not displayed."""
    documents = EncryptedDocument.objects.select_related("data_key").filter(
        kind=EncryptedDocument.Kind.ADDRESS, data_key__wrapped_key__isnull=False
    )
    for document in documents.iterator(chunk_size=CHUNK):
        data_key = document.data_key
        key = encryption.unwrap(
            bytes(data_key.wrapped_key or b""), key_id=data_key.wrapping_key_id, subject=data_key.subject
        )
        encrypted = encryption.Encrypted(bytes(document.nonce), bytes(document.ciphertext))
        binding = encryption_context(data_key.subject, EncryptedDocument.Kind(document.kind), document.name)
        address = PostalAddress.from_json(encryption.decrypt(key, encrypted, bound_to=binding))
        yield [
            AddressLine(text.lower(), data_key.subject)
            for text in (address.street1, address.phone)
            if len(text) >= DISTINCTIVE_LENGTH
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
            [DISTINCTIVE_LENGTH, DISTINCTIVE_LENGTH],
        )
        yield from cursor.fetchall()


def _texts(table: str, column: str) -> Iterator[str]:
    """The distinct texts in a column, streamed."""
    query = sql.SQL("SELECT DISTINCT {column}::text FROM {table} WHERE {column} IS NOT NULL").format(
        column=sql.Identifier(column), table=sql.Identifier(table)
    )
    # A server-side cursor needs a transaction.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query)
        for (text,) in cursor:
            yield text.lower()


CHECKS = [
    Check("I9", "no address outside the vault", no_address_outside_the_vault),
    Check("I9", "nothing readable past its date", no_document_outlives_its_key),
    Check("I9", "shredding is on time", shredding_is_on_time),
]
