"""The hash chain of audit entries, computed by the database.

    hash = SHA-256(previous_hash || UTF-8 of the fields, each with its length before it)

The first entry follows 32 zero bytes. JSON counts as PostgreSQL prints jsonb.
"""

import pgtrigger

from inventory.triggers import GuardTrigger

# An arbitrary number that no other lock uses.
_LOCK = 7_203_114_559

CONTENT_FIELDS = ("position", "at", "actor", "action", "subject_kind", "subject", "reason", "before", "after")


def content_sql(row: str) -> str:
    """SQL for the hashed text without the previous hash; `row` is a table's name or NEW."""

    def as_text(field: str) -> str:
        # A moment as microseconds since 1970 does not depend on the session's time zone.
        if field == "at":
            return f"(extract(epoch FROM {row}.at) * 1000000)::bigint::text"
        return f"{row}.{field}::text"

    return " || ".join(
        f"octet_length({as_text(field)}) || ':' || {as_text(field)}" for field in CONTENT_FIELDS
    )


# One writer at a time, until its transaction ends: record the entry last, after every other lock is taken.
CHAIN_ENTRY = GuardTrigger(
    name="audit_entry_is_chained",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("last", "desk_auditentry%ROWTYPE")],
    func=f"""
        PERFORM pg_advisory_xact_lock({_LOCK});
        SELECT * INTO last FROM desk_auditentry ORDER BY position DESC LIMIT 1;
        NEW.position := coalesce(last.position, 0) + 1;
        NEW.previous_hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
        NEW.hash := sha256(NEW.previous_hash || convert_to({content_sql("NEW")}, 'UTF8'));
        RETURN NEW;
    """,  # noqa: S608 - built of the constants above
)

BROKEN_ENTRIES = f"""
    SELECT position FROM (
        SELECT
            position, previous_hash, hash,
            sha256(previous_hash || convert_to({content_sql("entry")}, 'UTF8')) AS own,
            lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY position) AS before,
            lag(position, 1, 0::bigint) OVER (ORDER BY position) AS position_before
        FROM desk_auditentry entry
    ) checked
    WHERE hash <> own OR previous_hash <> before OR position <> position_before + 1
    ORDER BY position LIMIT 20
"""  # noqa: S608 - built of the constants above
