"""Role lists: who has which role on which project."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from common.errors import InputError
from roster.files.error_collector import FileErrors
from roster.files.fields import CHECK_THE_CLOCK, YET_TO_COME, optional_day
from roster.files.names import is_project_name, is_username, look_alikes, normalized
from roster.files.records import records
from roster.files.source import SourceFile
from roster.rules.facts import ROLES
from roster.rules.json_parser import Unreadable, quoted

REQUIRED = ("project", "username", "role", "since")


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One role of the list, with its line number."""

    line: int
    project: str
    username: str
    role: str
    since: date | None

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity of the role, regardless of spelling and case."""
        return normalized(self.project), self.username.lower(), self.role


def read_roles(source: SourceFile, now: datetime) -> list[RoleRow]:
    """Every role of the list.

    Args:   now: no role may start later; one day of tolerance for time zones that are ahead.
    Raises: InputErrors: the errors of the file, each with line and field.
    """
    faults = FileErrors(source)
    rows: dict[tuple[str, str, str], RoleRow] = {}
    tomorrow = now.date() + timedelta(days=1)
    for line, record in records(source, REQUIRED):
        row = _role(line, record, faults)
        if row is not None and row.since is not None and row.since > tomorrow:
            faults.add(YET_TO_COME, line=line, field="since", remedy=CHECK_THE_CLOCK)
        elif row is not None:
            first = rows.setdefault(row.key, row)
            if first is not row:
                faults.add(f"this role is also on line {first.line} already.", line=line, field="role")
        if faults.enough:
            break
    faults.raise_any()
    if not rows:
        raise InputError(source.path, "there is not a single role in it.", line=1, remedy="Export it again.")
    return list(rows.values())


def _role(line: int, record: dict[str, object], faults: FileErrors) -> RoleRow | None:
    project, username, role = record["project"], record["username"], record["role"]
    if not isinstance(project, str) or not is_project_name(project):
        faults.add(
            f"{quoted(project)} is not a project's name.",
            line=line,
            field="project",
            remedy=look_alikes(project),
        )
    elif not isinstance(username, str) or not is_username(username):
        faults.add(
            f"{quoted(username)} is not a username.",
            line=line,
            field="username",
            remedy=look_alikes(username),
        )
    elif not isinstance(role, str) or role not in ROLES:
        faults.add(
            f"{quoted(role)} is not a role.", line=line, field="role", remedy="Write Owner or Maintainer."
        )
    else:
        try:
            return RoleRow(line, project, username, role, optional_day(record["since"]))
        except Unreadable as error:
            faults.add(error.problems[0].problem, line=line, field="since", remedy=error.problems[0].remedy)
    return None
