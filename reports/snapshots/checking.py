"""Verify a frozen snapshot against its signature. Needs neither Django nor a database:

python -m reports.snapshots.checking FOLDER [--public-key KEY]
"""

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
FORMAT = 1


def snapshot_problems(folder: Path, *, public_key: str | None = None) -> list[str]:
    """All problems of a snapshot, one sentence each; none when it is as signed.

    Args: public_key: base64; the key that must have signed it. Without it the key in the manifest is used,
          which proves that nothing changed since it was signed, but not by whom.
    """
    manifest_file, signature_file = folder / MANIFEST, folder / SIGNATURE
    for file in (manifest_file, signature_file):
        if not file.is_file() or file.is_symlink():
            return [f"{file.name} is missing: {folder} is not a snapshot."]
    content = manifest_file.read_bytes()
    try:
        manifest: Any = json.loads(content)
        listed = {
            str(entry["path"]): (int(entry["bytes"]), str(entry["sha256"])) for entry in manifest["files"]
        }
        version, signed_by = manifest["format"], str(manifest["public_key"])
    except (ValueError, KeyError, TypeError):
        return [f"{MANIFEST} cannot be read."]
    if version != FORMAT:
        return [f"{MANIFEST} has format {version}; this program knows {FORMAT}."]
    found = _signature_problems(content, signature_file.read_bytes(), signed_by, public_key)
    return found + _file_problems(folder, listed)


def _signature_problems(content: bytes, signature: bytes, signed_by: str, expected: str | None) -> list[str]:
    if expected is not None and expected.strip() != signed_by:
        return ["It was signed with another key than the one given."]
    unfit = [f"The signature does not fit {MANIFEST}."]
    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(signed_by, validate=True))
        signed = b64decode(signature.removesuffix(b"\n"), validate=True)
        key.verify(signed, content)
    except (ValueError, InvalidSignature):
        return unfit
    # Compare bytes: base64 has spare bits and ignores extra spaces.
    return [] if signature == b64encode(signed) + b"\n" else unfit


def _file_problems(folder: Path, listed: dict[str, tuple[int, str]]) -> list[str]:
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    } - {MANIFEST, SIGNATURE}
    found = [f"{name} is missing." for name in sorted(set(listed) - there)]
    found += [f"{name} is not part of the snapshot." for name in sorted(there - set(listed))]
    for name in sorted(there & set(listed)):
        path = folder / name
        size, sha256 = listed[name]
        if path.is_symlink() or path.stat().st_size != size:
            found.append(f"{name} is not {size:,} bytes long.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            found.append(f"{name} was changed.")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a frozen snapshot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--public-key", help="base64 of the public key that must have signed it")
    options = parser.parse_args(arguments)
    found = snapshot_problems(options.folder, public_key=options.public_key)
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write("The snapshot matches its signature.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
