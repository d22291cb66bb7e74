"""Frozen snapshots: whole or not at all, checked without a database, and spoiled by a single byte."""

import json
import subprocess
import sys
from base64 import b64encode
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from pydantic import SecretStr

from common import clock
from config.environment import ROOT
from fulfillment.claims.models import Campaign
from reports.snapshots.checking import snapshot_problems
from reports.snapshots.freezing import freeze_snapshot
from tests.reports.conftest import MOMENTS

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def freeze(folder: Path, as_of: datetime = MOMENTS[-1]) -> dict[str, Any]:
    return freeze_snapshot(campaign_slug="keys-2022", as_of=as_of, smallest_group=2, key=KEY, folder=folder)


@pytest.fixture
def snapshot(programme: Campaign, tmp_path: Path) -> Path:
    freeze(tmp_path / "frozen")
    return tmp_path / "frozen"


def test_it_holds_and_any_byte_of_any_file_breaks_it(snapshot: Path) -> None:
    manifest = json.loads((snapshot / "manifest.json").read_text())
    assert snapshot_problems(snapshot) == snapshot_problems(snapshot, public_key=manifest["public_key"]) == []
    files = sorted(path for path in snapshot.rglob("*") if path.is_file())
    assert len(files) >= 14
    for path in files:
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(bytes(changed))
            assert snapshot_problems(snapshot), f"{path.name}, byte {place}"
        path.write_bytes(content)
        path.rename(path.with_suffix(".away"))
        assert snapshot_problems(snapshot), f"{path.name} missing"
        path.with_suffix(".away").rename(path)
    (snapshot / "extra").write_text("more")
    assert snapshot_problems(snapshot) == ["extra is not part of the snapshot."]
    (snapshot / "extra").unlink()
    assert snapshot_problems(snapshot) == []


def test_another_signer_is_told_from_ours(snapshot: Path) -> None:
    """Whoever changes a file can sign again, but not with our key."""
    ours = json.loads((snapshot / "manifest.json").read_text())["public_key"]
    other = Ed25519PrivateKey.generate()
    manifest = (snapshot / "manifest.json").read_bytes()
    (snapshot / "manifest.sig").write_bytes(b64encode(other.sign(manifest)) + b"\n")
    assert snapshot_problems(snapshot) == ["The signature does not fit manifest.json."]
    assert snapshot_problems(snapshot, public_key=b64encode(b"x" * 32).decode())[0].startswith(
        "It was signed with another"
    )
    assert ours


def test_it_checks_without_settings_or_database(snapshot: Path) -> None:
    """As on another machine: nothing of the environment but where programs are."""
    command = [sys.executable, "-m", "reports.snapshots.checking", str(snapshot)]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "The snapshot matches its signature.\n")
    (snapshot / "README.txt").write_text("changed")
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "README.txt" in done.stderr


def test_the_same_rows_are_the_same_snapshot(snapshot: Path, tmp_path: Path) -> None:
    freeze(tmp_path / "again")
    for path in snapshot.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(snapshot)).read_bytes(), (
                path.name
            )


def test_its_frames_are_what_was_published(snapshot: Path) -> None:
    frame = pd.read_parquet(snapshot / "frames" / "country.parquet")
    assert set(frame["country"]) <= {"DE", "other"}
    assert ((frame["claimed"].dropna() % 2) == 0).all()
    assert "person" not in frame.columns


def command(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_commands_freeze_a_campaign_that_is_over_and_check_it(
    programme: Campaign, tmp_path: Path, settings: Any
) -> None:
    folder = tmp_path / "frozen"
    freezing = ["freeze_snapshot", "--campaign", "keys-2022", "--output", str(folder)]
    with clock.reading(lambda: programme.closes_at + timedelta(days=1)):
        with pytest.raises(CommandError, match="there is no key to sign with"):
            command(*freezing)
        encoded = b64encode(bytes(range(32))).decode()
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={"snapshot_signing_key": SecretStr(encoded)}
        )
        assert "signed by the key" in command(*freezing)
        with pytest.raises(CommandError, match="is there already"):
            command(*freezing)
    assert "matches its signature" in command("verify_snapshot", str(folder))
    (folder / "report.csv").write_bytes(b"")
    with pytest.raises(CommandError) as caught:
        command("verify_snapshot", str(folder))
    assert caught.value.returncode == 1
    with clock.reading(lambda: MOMENTS[2]), pytest.raises(CommandError, match="closes on"):
        command(*freezing[:-1], str(tmp_path / "early"))
    assert not (tmp_path / "early").exists()


def test_what_cannot_be_written_leaves_nothing(programme: Campaign, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    from common.errors import InputError

    with pytest.raises(InputError, match="cannot be written"):
        freeze(tmp_path / "file" / "frozen")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2, "files": [], "public_key": ""}', "{"])
def test_what_is_no_snapshot_is_a_sentence(tmp_path: Path, content: str) -> None:
    assert "is not a snapshot" in snapshot_problems(tmp_path)[0]
    (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "manifest.sig").write_text("x")
    assert snapshot_problems(tmp_path)[0].startswith("manifest.json")
