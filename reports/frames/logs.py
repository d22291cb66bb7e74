"""Frames of the other reports: key values, roster imports and openings of addresses."""

from datetime import datetime

import pandas as pd

from reports.database import TEXT, TIME, WHOLE, WORD, copy


def key_values(as_of: datetime) -> pd.DataFrame:
    """Customs value of each key model.

    One row: one key model.

    sku          category
    value_cents  int64     for customs; minor units of `currency`
    currency     category  ISO 4217
    """
    return copy(
        """
        SELECT sku, customs_value_cents, currency
        FROM inventory_keymodel WHERE added_at <= {as_of} ORDER BY sku
        """,
        {"sku": WORD, "value_cents": WHOLE, "currency": WORD},
        as_of=as_of,
    )


def receipts(as_of: datetime) -> pd.DataFrame:
    """Files imported into the roster.

    One row: one import of a file.

    kind      category  downloads, roles or accounts
    sha256    str       of its bytes
    rows      int64     rows in the file
    taken_at  datetime
    """
    return copy(
        """
        SELECT snapshot.kind, snapshot.sha256, snapshot.rows, receipt.taken_at
        FROM roster_receipt AS receipt
        JOIN roster_snapshot AS snapshot ON snapshot.id = receipt.snapshot_id
        WHERE receipt.taken_at <= {as_of}
        ORDER BY receipt.id
        """,
        {"kind": WORD, "sha256": TEXT, "rows": WHOLE, "taken_at": TIME},
        as_of=as_of,
    )


def roster_days(as_of: datetime) -> pd.DataFrame:
    """Roster changes by day, up to the day before `as_of`.

    One row: one kind of change on one day.

    day     datetime  UTC
    change  category  roles_added, roles_ended, projects_designated
    count   int64
    """
    return copy(
        """
        SELECT day::timestamptz AT TIME ZONE 'UTC' AT TIME ZONE 'UTC', change, count(*)
        FROM (
            SELECT first_seen_on AS day, 'roles_added' AS change FROM roster_projectrole
            UNION ALL SELECT ended_on, 'roles_ended' FROM roster_projectrole
            UNION ALL SELECT critical_since, 'projects_designated' FROM roster_project
        ) AS changes
        WHERE day < {day}
        GROUP BY day, change ORDER BY day, change
        """,
        {"day": TIME, "change": WORD, "count": WHOLE},
        as_of=as_of,
    )


def openings(as_of: datetime) -> pd.DataFrame:
    """Openings of sealed documents, without their owners.

    One row: one opening.

    kind       category  address or label
    purpose    category
    role       category  kind of actor that opened it: staff, system or maintainer
    opened_at  datetime
    """
    return copy(
        """
        SELECT kind, purpose, split_part(actor, ':', 1), opened_at
        FROM vault_opening WHERE opened_at <= {as_of} ORDER BY id
        """,
        {"kind": WORD, "purpose": WORD, "role": WORD, "opened_at": TIME},
        as_of=as_of,
    )
