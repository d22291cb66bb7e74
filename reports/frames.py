"""Appended rows up to a moment, as typed DataFrames: the only place where reports touch the database.

Nothing here reads a column that changes. What a claim's row or a unit's row says now is not used; what
was appended about them until `as_of` is. So a report of a past moment is the same whether it is made
then or later (I11). Rows carry the moment their service was called with and become visible when it
commits, so a report of this very moment can miss what is being written while it is made.

Strings that repeat are categories; every time is datetime64[us, UTC].
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from django.db import connection, transaction
from psycopg import sql
from pyarrow import csv

_WORD = pa.dictionary(pa.int32(), pa.string())
_TEXT = pa.string()
_WHOLE = pa.int64()
_FLAG = pa.bool_()
_TIME = pa.timestamp("us", tz="UTC")

_Columns = dict[str, pa.DataType]


@dataclass(frozen=True)
class Frames:
    """All that the redemption report is made of; each frame's columns are listed at its function."""

    movements: pd.DataFrame
    claims: pd.DataFrame
    claim_events: pd.DataFrame
    labels: pd.DataFrame
    decisions: pd.DataFrame
    two_factor: pd.DataFrame


def read_frames(as_of: datetime) -> Frames:
    """Every frame as of one moment, in six queries that see the same snapshot of the database."""
    assert as_of.tzinfo is not None, "as_of is aware"
    with _one_snapshot():
        return Frames(
            movements=movements(as_of),
            claims=claims(as_of),
            claim_events=claim_events(as_of),
            labels=labels(as_of),
            decisions=decisions(as_of),
            two_factor=two_factor(as_of),
        )


def movements(as_of: datetime) -> pd.DataFrame:
    """The stock ledger, by unit and then in the order of its moves.

    One row: one unit went from one account to another.

    unit          int64     key of the unit
    sku           category  its key model
    from_account  category  where it stood; `supplier` before it was received
    to_account    category  where it stands from then on
    reference     str       what it moved for: the claim's code while it is held for one
    moved_at      datetime  never before the unit's previous move
    """
    return _copy(
        """
        SELECT movement.unit_id, key_model.sku, movement.from_account, movement.to_account,
               movement.reference, movement.moved_at
        FROM inventory_movement AS movement
        JOIN inventory_unit AS unit ON unit.id = movement.unit_id
        JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id
        WHERE movement.moved_at <= {as_of}
        ORDER BY movement.unit_id, movement.sequence
        """,
        {
            "unit": _WHOLE,
            "sku": _WORD,
            "from_account": _WORD,
            "to_account": _WORD,
            "reference": _TEXT,
            "moved_at": _TIME,
        },
        as_of=as_of,
    )


def claims(as_of: datetime) -> pd.DataFrame:
    """The claims made until then, with what never changes about them.

    One row: one claim.

    claim        str       its code, which movements of its units carry as reference
    campaign     category  slug
    person       int64     key of the maintainer's roster account
    country      category  ISO 3166 alpha-2; a new address must be in the same country
    is_eligible  bool      decided eligible, or approved by a person until then
    created_at   datetime
    """
    return _copy(
        """
        SELECT claim.code, campaign.slug, claim.account_id, claim.country,
               decision.outcome = 'eligible' OR EXISTS (
                   SELECT FROM claims_claimevent AS event
                   WHERE event.claim_id = claim.id AND event.name = 'approved' AND event.at <= {as_of}
               ),
               claim.created_at
        FROM claims_claim AS claim
        JOIN claims_campaign AS campaign ON campaign.id = claim.campaign_id
        JOIN roster_decision AS decision ON decision.id = claim.decision_id
        WHERE claim.created_at <= {as_of}
        ORDER BY claim.id
        """,
        {
            "claim": _TEXT,
            "campaign": _WORD,
            "person": _WHOLE,
            "country": _WORD,
            "is_eligible": _FLAG,
            "created_at": _TIME,
        },
        as_of=as_of,
    )


def claim_events(as_of: datetime) -> pd.DataFrame:
    """What happened to claims, in the order it was written down.

    One row: one event of one claim.

    claim        str       the claim's code
    name         category  what happened
    state_after  category  the claim's state from then on
    at           datetime
    """
    return _copy(
        """
        SELECT claim.code, event.name, event.state_after, event.at
        FROM claims_claimevent AS event
        JOIN claims_claim AS claim ON claim.id = event.claim_id
        WHERE event.at <= {as_of}
        ORDER BY event.id
        """,
        {"claim": _TEXT, "name": _WORD, "state_after": _WORD, "at": _TIME},
        as_of=as_of,
    )


def labels(as_of: datetime) -> pd.DataFrame:
    """Labels bought, from the claims' events.

    One row: one purchase.

    claim       str       the code of the claim it was bought for
    cost_cents  int64     what the carrier's vendor charged, in minor units of `currency`
    currency    category  ISO 4217
    at          datetime  when it was bought
    """
    return _copy(
        """
        SELECT claim.code, (event.data ->> 'cost_cents')::bigint, event.data ->> 'currency',
               event.at
        FROM claims_claimevent AS event
        JOIN claims_claim AS claim ON claim.id = event.claim_id
        WHERE event.at <= {as_of} AND event.name = 'label_bought'
        ORDER BY event.id
        """,
        {"claim": _TEXT, "cost_cents": _WHOLE, "currency": _WORD, "at": _TIME},
        as_of=as_of,
    )


def decisions(as_of: datetime) -> pd.DataFrame:
    """Decisions that were stored: those that led to a claim or refused one.

    One row: one answer to one attempt; a person who tries three times is in three rows.

    person      int64     key of the roster account it was about
    policy      category  version of the policy
    outcome     category  eligible, ineligible or review
    headline    str       the first rule that did not pass; empty when all did
    decided_at  datetime
    """
    return _copy(
        """
        SELECT decision.account_id, policy.version, decision.outcome, decision.headline,
               decision.decided_at
        FROM roster_decision AS decision
        JOIN roster_policy AS policy ON policy.id = decision.policy_id
        WHERE decision.decided_at <= {as_of}
        ORDER BY decision.id
        """,
        {"person": _WHOLE, "policy": _WORD, "outcome": _WORD, "headline": _TEXT, "decided_at": _TIME},
        as_of=as_of,
    )


def two_factor(as_of: datetime) -> pd.DataFrame:
    """What was seen of accounts' two-factor authentication, by account and then in order.

    One row: one account as first seen, or after a change.

    person        int64     key of the roster account
    has_totp      bool
    has_webauthn  bool
    observed_at   datetime
    """
    return _copy(
        """
        SELECT account_id, has_totp, has_webauthn, observed_at
        FROM roster_twofactorobservation
        WHERE observed_at <= {as_of}
        ORDER BY account_id, observed_at, id
        """,
        {"person": _WHOLE, "has_totp": _FLAG, "has_webauthn": _FLAG, "observed_at": _TIME},
        as_of=as_of,
    )


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Let all queries in the block see the database as it was at the first.

    Inside somebody else's transaction it is theirs to say what is seen, and nothing is changed.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _copy(query: str, columns: _Columns, *, as_of: datetime) -> pd.DataFrame:
    """Run a query with COPY, which is several times faster than fetching rows, and type its columns."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(query).format(as_of=sql.Literal(as_of))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows = b"".join(copy)
    frame: pd.DataFrame = _table(rows, columns).to_pandas()
    return frame


def _table(rows: bytes, columns: _Columns) -> Any:
    """Read CSV into Arrow; its reader refuses an empty text, which here is a table without rows."""
    if not rows:
        return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    return csv.read_csv(
        pa.BufferReader(rows),
        read_options=csv.ReadOptions(column_names=list(columns)),
        convert_options=csv.ConvertOptions(
            column_types=columns, true_values=["t"], false_values=["f"], strings_can_be_null=False
        ),
    )
