"""Names of projects and accounts: validation and normalisation.

`columns.py` does the same for whole columns; this module has no heavy imports.
"""

import re

LONGEST_NAME = 255
# The packaging specifications' name, https://packaging.python.org/specifications/name-normalization/
PROJECT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
# No character that starts a formula, ends a line or needs quoting; indexes are stricter.
USERNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?", re.ASCII)


def is_project_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and PROJECT_NAME.fullmatch(name) is not None


def is_username(name: str) -> bool:
    return USERNAME.fullmatch(name) is not None


def look_alikes(name: object) -> str | None:
    """The remedy for a name with letters of other alphabets that look like Latin ones."""
    if isinstance(name, str) and not name.isascii():
        return "Only the letters a to z are in a name; others may only look like them."
    return None


def normalized(name: str) -> str:
    """The normalised spelling of a project's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
