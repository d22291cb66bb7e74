"""Statement of roster changes and address openings, by day and by week."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from reports.database import one_snapshot
from reports.frames import two_factor
from reports.frames.logs import openings, receipts, roster_days
from reports.statements.builder import build_statement
from reports.tables import Column, Kind, Report, count_column, day_column, table, text_column


def roster_changes(as_of: datetime) -> Report:
    """Roster imports and the changes they made, by day."""
    with one_snapshot():
        lists, days, seen = receipts(as_of), roster_days(as_of), two_factor(as_of)
    changes: dict[str, dict[str, int]] = {}
    for row in days.to_dict("records"):
        changes.setdefault(row["day"].date().isoformat(), {})[str(row["change"])] = int(row["count"])
    is_change = seen["person"].eq(seen["person"].shift())
    for on, number in seen.loc[is_change, "observed_at"].dt.strftime("%Y-%m-%d").value_counts().items():
        changes.setdefault(str(on), {})["two_factor_changed"] = int(number)
    return build_statement(
        name="roster",
        title="Changes of the roster",
        as_of=as_of,
        summary=(f"{len(lists):,} lists received, {lists['sha256'].nunique():,} of them different.",),
        tables=(
            table(
                "lists",
                "Lists received",
                "One row is one list, each time it came.",
                (
                    Column("taken_at", Kind.MOMENT, "when it came"),
                    text_column("kind", "what it lists"),
                    count_column("rows", "rows in it"),
                    Column("sha256", Kind.DIGEST, "of its bytes"),
                ),
                [
                    {
                        "taken_at": row.taken_at.isoformat().replace("+00:00", "Z"),
                        "kind": str(row.kind),
                        "rows": int(row.rows),
                        "sha256": str(row.sha256),
                    }
                    for row in _rows(lists)
                ],
            ),
            table(
                "days",
                "Changes by day",
                "One row is a day (UTC). Roles and projects up to the day before; the rest up to now.",
                (
                    day_column("day", "UTC"),
                    count_column("roles_added", "roles first seen"),
                    count_column("roles_ended", "roles no longer listed"),
                    count_column("projects_designated", "projects that became critical"),
                    count_column(
                        "two_factor_changed", "accounts whose two-factor state was seen to have changed"
                    ),
                ),
                [{"day": on, **numbers} for on, numbers in sorted(changes.items())],
            ),
        ),
    )


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    """Rows as named tuples; the stubs do not know their fields."""
    return frame.itertuples(index=False)


def vault_access(as_of: datetime) -> Report:
    """Openings of sealed documents by week, purpose and role, without owners or names."""
    opened = openings(as_of)
    monday = opened["opened_at"].dt.floor("D") - opened["opened_at"].dt.day_of_week.astype("timedelta64[D]")
    week = monday.dt.strftime("%Y-%m-%d").rename("week")
    grouped = opened.groupby([week, "kind", "purpose", "role"], observed=True).size().rename("openings")
    rows = grouped.reset_index().sort_values(["week", "kind", "purpose", "role"]).to_dict("records")
    return build_statement(
        name="vault",
        title="Openings of the vault",
        as_of=as_of,
        summary=(f"Sealed documents were opened {len(opened):,} times.",),
        tables=(
            table(
                "openings",
                "Openings by week",
                "One row is a purpose in one week, which starts on Monday (UTC).",
                (
                    day_column("week", "its Monday"),
                    text_column("kind", "what was opened"),
                    text_column("purpose", "what for"),
                    text_column("role", "who: staff, the system, the claimant"),
                    count_column("openings", "how often"),
                ),
                [
                    {str(name): value if name == "openings" else str(value) for name, value in row.items()}
                    for row in rows
                ],
            ),
        ),
    )
