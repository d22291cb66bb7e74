"""I9: no address in clear outside the vault, and none readable past its date.

The database cannot be asked what an address looks like, so the search goes the other way: each live
address is opened here, in memory, and its telling lines are looked for in every text column of every table.
"""

from collections.abc import Iterable, Iterator

from django.db import connection
from psycopg import sql

from config.invariants import Check, Violation
from fulfillment.vault import crypto
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey, SealedDocument
from fulfillment.vault.services import binding_of

# Shorter lines ("1 A St") would be found by chance in other text.
TELLING_LENGTH = 8
BATCH = 500


def no_address_outside() -> tuple[int, Iterable[Violation]]:
    """Streets and phones of live addresses, looked for in every text and JSON column."""
    found: list[Violation] = []
    looked_at = 0
    columns = list(_text_columns())
    for lines in _batches(_telling_lines()):
        looked_at += len(lines)
        for table, column in columns:
            found.extend(
                Violation("I9", f"{table}.{column} holds part of an address in clear", [subject])
                for subject in _subjects_found(table, column, lines)
            )
    return looked_at, found


def nothing_past_its_date() -> tuple[int, Iterable[Violation]]:
    """A shredded key is gone with all that it sealed."""
    left = SealedDocument.objects.filter(data_key__shredded_at__isnull=False)
    return DataKey.objects.count(), [
        Violation("I9", "a document outlived its key", [subject])
        for subject in left.values_list("data_key__subject", flat=True)
    ]


def _telling_lines() -> Iterator[tuple[str, str]]:
    """(line, subject) of every live address. Verification is no opening: nobody is shown anything."""
    documents = SealedDocument.objects.select_related("data_key").filter(
        kind=SealedDocument.Kind.ADDRESS, data_key__wrapped_key__isnull=False
    )
    for document in documents.iterator(chunk_size=BATCH):
        data_key = document.data_key
        key = crypto.unwrap(
            bytes(data_key.wrapped_key or b""), key_id=data_key.wrapping_key_id, subject=data_key.subject
        )
        sealed = crypto.Sealed(bytes(document.nonce), bytes(document.ciphertext))
        address = PostalAddress.from_json(
            crypto.unseal(
                key,
                sealed,
                bound_to=binding_of(data_key.subject, SealedDocument.Kind(document.kind), document.name),
            )
        )
        for line in (address.street1, address.phone):
            if len(line) >= TELLING_LENGTH:
                yield line, data_key.subject


def _batches(lines: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    for line, subject in lines:
        batch[line.lower()] = subject
        if len(batch) >= BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def _text_columns() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb', 'json')
            ORDER BY table_name, ordinal_position
            """
        )
        yield from cursor.fetchall()


def _subjects_found(table: str, column: str, lines: dict[str, str]) -> set[str]:
    """Whose lines stand in this column. One pass: the lines are one regular expression of alternatives."""
    query = sql.SQL(
        "SELECT DISTINCT (regexp_match(lower({column}::text), {pattern}))[1] FROM {table}"
        " WHERE lower({column}::text) ~ {pattern}"
    ).format(
        column=sql.Identifier(column), table=sql.Identifier(table), pattern=sql.Literal(_alternatives(lines))
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {lines[line] for (line,) in cursor.fetchall()}


def _alternatives(lines: Iterable[str]) -> str:
    escaped = ("".join(c if c.isalnum() or c == " " else f"\\{c}" for c in line) for line in sorted(lines))
    return f"({'|'.join(escaped)})"


CHECKS = [
    Check("I9", "no address outside the vault", no_address_outside),
    Check("I9", "nothing readable past its date", nothing_past_its_date),
]
