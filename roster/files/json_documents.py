"""One JSON document in a file: a policy, or facts."""

import json
from pathlib import Path

from common.errors import InputError
from roster.files.source import read_source
from roster.rules.json_parser import quoted


class _Twice(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_document(path: Path) -> object:
    """The document.

    Raises: InputError: no file, not JSON, or a duplicate key, of which JSON readers silently keep one.
    """
    text = read_source(path).text
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except _Twice as error:
        raise InputError(path, "appears twice in one object.", field=quoted(error.key)) from None
    except json.JSONDecodeError as error:
        raise InputError(path, f"this is not JSON: {error.msg}.", line=error.lineno) from None
    except (RecursionError, ValueError):  # nested without end; a number of thousands of digits
        raise InputError(path, "this is not JSON that can be read.", line=1) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found
