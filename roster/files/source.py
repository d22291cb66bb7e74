"""An input file: its bytes and their digest."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.errors import InputError

# Ten times the list of the largest index; a larger file is not such a list.
LARGEST_FILE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file's bytes, read once, so that the digest is of what is imported."""

    path: Path
    data: bytes

    @property
    def name(self) -> str:
        return self.path.name[:255]

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def is_parquet(self) -> bool:
        return self.data.startswith(b"PAR1")

    @property
    def is_json(self) -> bool:
        return self.data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))

    @cached_property
    def text(self) -> str:
        """The file as text, without a byte order mark.

        Raises: InputError: it is not UTF-8 text.
        """
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            raise self._not_text(line) from None
        if "\0" in text:
            raise self._not_text(text.count("\n", 0, text.index("\0")) + 1)
        return text

    def _not_text(self, line: int) -> InputError:
        return InputError(
            self.path,
            "this is not UTF-8 text.",
            line=line,
            remedy="Unpack it if it is compressed, and export it as UTF-8.",
        )


@dataclass(frozen=True)
class Digested:
    """The name and digest of a snapshot made from several files."""

    name: str
    sha256: str


def read_source(path: Path) -> SourceFile:
    """Read a file whole.

    Raises: InputError: missing, empty, a directory, unreadable or too large.
    """
    try:
        if path.is_dir():
            raise InputError(path, "this is a directory.", remedy="Name the file in it.")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InputError(path, f"the file is larger than {LARGEST_FILE_BYTES // 1024**2} MiB.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(path, "file not found.", remedy="Check the path.") from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"the file cannot be read: {error}.") from None
    if not data or data.isspace():
        raise InputError(path, "the file is empty.", line=1, remedy="Export it again.")
    return SourceFile(path, data)
