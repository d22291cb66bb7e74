"""Freeze the published reports of a campaign into a signed folder."""

import hashlib
import json
import os
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.errors import InputError
from inventory.models import Seal
from reports.as_of import moment_in_words
from reports.catalogue import published_redemption
from reports.exports import FORMATS
from reports.exports.csv_parquet import write_parquet
from reports.public.published_report import published_history
from reports.snapshots.checking import FORMAT, MANIFEST, SIGNATURE

_ABOUT = """What was published of the campaign {slug}, frozen as of {as_of}.

report.*    the published report, in every format
frames/     what it is made of: people, keys and cents of each group, at each step, at each weekly release
seal.json   the last seal of the stock ledger: no movement before it can change without it
manifest.json, manifest.sig   the SHA-256 of every file here, and its Ed25519 signature

    python -m reports.snapshots.checking FOLDER --public-key KEY
"""


def signing_key(encoded: str) -> Ed25519PrivateKey:
    """Parse SNAPSHOT_SIGNING_KEY. Raises: InputError: missing, or not base64 of 32 bytes."""
    remedy = "Set it to base64 of 32 random bytes."
    if not encoded:
        raise InputError("SNAPSHOT_SIGNING_KEY", "there is no key to sign with.", remedy=remedy)
    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(encoded, validate=True))
    except ValueError:
        raise InputError("SNAPSHOT_SIGNING_KEY", "it is not an Ed25519 key.", remedy=remedy) from None


def freeze_snapshot(
    *, campaign_slug: str, as_of: datetime, smallest_group: int, key: Ed25519PrivateKey, folder: Path
) -> dict[str, object]:
    """Write the snapshot atomically into a new folder.

    Returns: the manifest.
    Raises:  InputError: the folder exists or cannot be written.
    """
    if folder.exists():
        raise InputError("--output", f"{folder} is there already.", remedy="Name a new folder.")
    partial = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        partial.mkdir()
        for name, content in _files(campaign_slug, as_of, smallest_group):
            path = partial / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        manifest = _manifest(partial, campaign_slug, as_of, key)
        content = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
        (partial / MANIFEST).write_bytes(content)
        (partial / SIGNATURE).write_bytes(b64encode(key.sign(content)) + b"\n")
        os.rename(partial, folder)
    except OSError as error:
        problem = f"{folder} cannot be written: {error.strerror or error}."
        raise InputError("--output", problem, remedy="Name a folder in one you may write to.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _files(slug: str, as_of: datetime, smallest_group: int) -> Iterator[tuple[str, bytes]]:
    report = published_redemption(campaign_slug=slug, as_of=as_of, smallest_group=smallest_group)
    for form in FORMATS.values():
        yield f"report.{form.suffix}", form.write(report)
    history = published_history(campaign_slug=slug, as_of=as_of, smallest_group=smallest_group)
    for name, frame in history.items():
        yield f"frames/{name}.parquet", write_parquet(_typed(frame))
    yield "seal.json", (json.dumps(_seal(as_of), indent=2) + "\n").encode()
    yield "README.txt", _ABOUT.format(slug=slug, as_of=moment_in_words(as_of)).encode()


def _typed(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def _seal(as_of: datetime) -> dict[str, str] | None:
    """The last seal of a completed day. Its number of movements is left out: it would reveal exact counts."""
    seal = Seal.objects.filter(day__lt=as_of.date()).order_by("-day").first()
    if seal is None:
        return None
    return {
        "day": seal.day.isoformat(),
        "root": bytes(seal.root).hex(),
        "hash": bytes(seal.hash).hex(),
    }


def _manifest(folder: Path, slug: str, as_of: datetime, key: Ed25519PrivateKey) -> dict[str, object]:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "format": FORMAT,
        "campaign": slug,
        "as_of": moment_in_words(as_of),
        "seal": _seal(as_of),
        "public_key": b64encode(public).decode(),
        "files": [
            {
                "path": path.relative_to(folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        ],
    }
