"""Lists of projects that are critical regardless of downloads."""

from roster.files.error_collector import FileErrors
from roster.files.names import is_project_name
from roster.files.source import SourceFile
from roster.rules.json_parser import quoted


def read_always(source: SourceFile) -> list[str]:
    """Read a list of names, one a line; # starts a comment.

    Raises: InputErrors: lines that are not project names.
    """
    faults = FileErrors(source)
    names: list[str] = []
    for line, text in enumerate(source.text.split("\n"), 1):
        name = text.split("#", 1)[0].strip()
        if name and not is_project_name(name):
            faults.add(f"{quoted(name)} is not a project's name.", line=line, field="project")
        elif name:
            names.append(name)
    faults.raise_any()
    return names
