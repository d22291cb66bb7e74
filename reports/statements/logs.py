"""What changed on the roster, and how often addresses were opened: counts by day and by week."""

from datetime import datetime

from reports.frames import two_factor
from reports.frames.books import openings, receipts, roster_days
from reports.reading import one_snapshot
from reports.statements.making import statement
from reports.tables import Column, Kind, Report, count, day, table, text


def roster_changes(as_of: datetime) -> Report:
    """Lists received, and what they changed, by day."""
    with one_snapshot():
        lists, days, seen = receipts(as_of), roster_days(as_of), two_factor(as_of)
    changes: dict[str, dict[str, int]] = {}
    for on, change, number in days.itertuples(index=False):
        changes.setdefault(on.date().isoformat(), {})[str(change)] = int(number)
    is_change = seen["person"].eq(seen["person"].shift())
    for on, number in seen.loc[is_change, "observed_at"].dt.date.value_counts().items():
        changes.setdefault(on.isoformat(), {})["two_factor_changed"] = int(number)
    return statement(
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
                    text("kind", "what it lists"),
                    count("rows", "rows in it"),
                    text("sha256", "of its bytes"),
                ),
                [
                    {
                        "taken_at": row.taken_at.isoformat().replace("+00:00", "Z"),
                        "kind": str(row.kind),
                        "rows": int(row.rows),
                        "sha256": str(row.sha256),
                    }
                    for row in lists.itertuples(index=False)
                ],
            ),
            table(
                "days",
                "Changes by day",
                "One row is a day (UTC). Roles and projects up to the day before; the rest up to now.",
                (
                    day("day", "UTC"),
                    count("roles_added", "roles first seen"),
                    count("roles_ended", "roles no longer listed"),
                    count("projects_designated", "projects that became critical"),
                    count("two_factor_changed", "accounts whose two-factor state was seen to have changed"),
                ),
                [{"day": on, **numbers} for on, numbers in sorted(changes.items())],
            ),
        ),
    )


def vault_access(as_of: datetime) -> Report:
    """How often sealed documents were opened, by week, purpose and role. Never whose or by whom."""
    opened = openings(as_of)
    monday = opened["opened_at"].dt.floor("D") - opened["opened_at"].dt.day_of_week.astype("timedelta64[D]")
    grouped = opened.groupby([monday.dt.date, "kind", "purpose", "role"], observed=True).size()
    return statement(
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
                    day("week", "its Monday"),
                    text("kind", "what was opened"),
                    text("purpose", "what for"),
                    text("role", "who: staff, the system, the claimant"),
                    count("openings", "how often"),
                ),
                [
                    {
                        "week": week.isoformat(),
                        "kind": str(kind),
                        "purpose": str(purpose),
                        "role": str(role),
                        "openings": int(number),
                    }
                    for (week, kind, purpose, role), number in sorted(grouped.items())
                ],
            ),
        ),
    )
