"""A backup made by the commands of the deployment guide, taken before shredding: of no use afterwards."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import connection
from psycopg.rows import dict_row

from config.environment import ROOT
from fulfillment.vault import encryption, services
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey, EncryptedDocument

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS = PostalAddress(name="Ada Example", street1="12 Torvandel Way", city="Portland", country="US")


def guide(heading: str) -> str:
    """The commands of a block in the deployment guide, such as `Back up`."""
    text = (ROOT / "docs/deployment.md").read_text()
    found = re.search(rf"^### {heading}\n.*?```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def run(script: str, directory: Path, database: str) -> None:
    parameters = connection.get_connection_params()
    programs = _programs()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(parameters.get("host", "")),
        "PGUSER": str(parameters.get("user", "")),
        "PGPORT": str(parameters.get("port", "") or 5432),
        "PGPASSWORD": str(parameters.get("password", "") or ""),
        "PGDATABASE": database,
    }
    subprocess.run(["sh", "-ec", script], cwd=directory, env=environment, check=True)


def _programs() -> str:
    """Where the PostgreSQL programs of the embedded server are, or those of the machine."""
    if not settings.ENVIRONMENT.database_url:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_read_file('postmaster.opts')")
            (options,) = cursor.fetchone()
        # The line the server was started by: its programs lie beside it.
        return str(Path(options.split()[0]).parent)
    found = shutil.which("pg_dump")
    if found is None:
        pytest.skip("No pg_dump here; the embedded server brings one.")
    return str(Path(found).parent)


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[str]:
    """The name of an empty database beside the test's."""
    name = f"{connection.settings_dict['NAME']}_restored"
    run(f"dropdb --if-exists {name}; createdb {name}", tmp_path, "postgres")
    yield name
    run(f"dropdb --force {name}", tmp_path, "postgres")


def readable(database: str) -> list[str]:
    """The claims whose address can be read in a database with today's keys."""
    parameters = connection.get_connection_params()
    found = []
    with psycopg.connect(
        host=parameters.get("host"),
        user=parameters.get("user"),
        password=parameters.get("password"),
        port=parameters.get("port"),
        dbname=database,
        row_factory=dict_row,
    ) as rows:
        documents = rows.execute(
            "SELECT * FROM vault_sealeddocument AS d LEFT JOIN vault_datakey AS k ON k.id = d.data_key_id"
        ).fetchall()
    for row in documents:
        if row["wrapped_key"] is None:
            continue
        key = encryption.unwrap(row["wrapped_key"], key_id=row["wrapping_key_id"], subject=row["subject"])
        binding = services.encryption_context(row["subject"], EncryptedDocument.Kind.ADDRESS, row["name"])
        sealed = encryption.Encrypted(row["nonce"], row["ciphertext"])
        assert PostalAddress.from_json(encryption.decrypt(key, sealed, bound_to=binding)) == ADDRESS
        found.append(row["subject"])
    return sorted(found)


def test_a_backup_taken_before_shredding_plus_todays_keys_reads_no_shredded_address(
    tmp_path: Path, restored: str
) -> None:
    here = connection.settings_dict["NAME"]
    for subject in ("C-KEPT", "C-SHREDDED"):
        services.store_address(subject=subject, address=ADDRESS, now=NOW)
    run(guide("Back up"), tmp_path, here)
    services.shred(subject="C-SHREDDED", now=NOW)

    # The backup alone holds both ciphertexts, and no key to either.
    assert b"12 Torvandel" not in (tmp_path / "keydesk.dump").read_bytes()
    # What lies beside it are today's keys: their dump is replaced, never kept.
    run(guide("Back up the data keys"), tmp_path, here)
    run(guide("Restore"), tmp_path, restored)
    assert readable(restored) == ["C-KEPT"]


def test_a_backup_holds_no_data_key(tmp_path: Path) -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    wrapped = bytes(DataKey.objects.get().wrapped_key or b"")
    run(guide("Back up"), tmp_path, connection.settings_dict["NAME"])
    run("pg_restore --file=plain.sql keydesk.dump", tmp_path, "postgres")
    plain = (tmp_path / "plain.sql").read_text()
    assert EncryptedDocument.objects.get().nonce.hex() in plain
    assert wrapped.hex() not in plain


def test_nothing_else_that_lives_opens_a_document_from_a_backup() -> None:
    """Neither another claim's data key nor a key-encryption key itself."""
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    services.store_address(subject="C-2", address=ADDRESS, now=NOW)
    document = EncryptedDocument.objects.get(data_key__subject="C-1")
    sealed = encryption.Encrypted(bytes(document.nonce), bytes(document.ciphertext))
    services.shred(subject="C-1", now=NOW)
    other = DataKey.objects.get(subject="C-2")
    living = [
        encryption.unwrap(bytes(other.wrapped_key or b""), key_id=other.wrapping_key_id, subject="C-2"),
        *encryption.wrapping_keys().values(),
    ]
    binding = services.encryption_context("C-1", EncryptedDocument.Kind.ADDRESS, "")
    for key in living:
        with pytest.raises(InvalidTag):
            encryption.decrypt(key, sealed, bound_to=binding)
