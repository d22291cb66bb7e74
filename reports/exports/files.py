"""Write a report to a file atomically."""

import os
from pathlib import Path
from uuid import uuid4

from common.errors import InputError


def write_whole(path: Path, content: bytes, *, argument: str) -> None:
    """Write the content to a temporary file beside the target, then rename it.

    Args:   argument: the option that gave the path, for the message.
    Raises: InputError: the path cannot be written; an existing file is unchanged.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise InputError(argument, f"{path} is not a file.", remedy="Name a file.")
    partial = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror or error}."
        raise InputError(argument, problem, remedy="Name a file in a directory you may write to.") from None
