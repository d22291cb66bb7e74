"""Lists of projects that are critical whatever their downloads."""

from roster.files.error_collector import FileErrors
from roster.files.names import is_project_name
from roster.files.source import SourceFile
from roster.rules.json_parser import quoted


def read_always(source: SourceFile) -> list[str]:
    """The names of a list, one a line; what follows a # is a comment.

    Raises: InputErrors: lines that are no project's name.
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
