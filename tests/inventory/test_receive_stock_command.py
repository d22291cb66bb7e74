"""`manage.py receive_stock`."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inventory.models import KeyModel, Unit

pytestmark = pytest.mark.usefixtures("catalogue")


def run(*arguments: str) -> None:
    call_command("receive_stock", "--sku", "KD-A-NFC", "--lot", "L-1", *arguments)


def file_of(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "serials.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        "AB-1X\nAB-2X\n",
        "\ufeffAB-1X\r\n\r\nab-2x",
        "serial\nAB-1X\nAB-2X\n",
        'box,Serial\n1,AB-1X\n2,"AB-2X"\n',
    ],
)
def test_it_reads_lines_and_csv(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("--serials", file_of(tmp_path, content), "--json")
    assert json.loads(capsys.readouterr().out) == {"sku": "KD-A-NFC", "lot": "L-1", "received": 2}
    assert sorted(Unit.objects.values_list("serial", flat=True)) == ["AB-1X", "AB-2X"]


def test_it_receives_by_quantity(capsys: pytest.CaptureFixture[str]) -> None:
    run("--quantity", "3")
    assert "Received 3 of KD-A-NFC" in capsys.readouterr().out
    assert Unit.objects.available().count() == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no serials"),
        (b"\x00\x01\x02\x03", "binary"),
        (b"AB-1X\n\xff\xfe", "line 2: is not UTF-8"),
        (b"box,number\n1,AB-1X\n", "no header with `serial`"),
        (b"serial\n", "no serials"),
        (b'AB-1X\n=HYPERLINK("a","b")\nAB-1X\nA B\n', "line 2, field serial"),
        (b'AB-1X\n=HYPERLINK("a","b")\nAB-1X\nA B\n', "line 3, field serial"),
        (b'AB-1X\n=HYPERLINK("a","b")\nAB-1X\nA B\n', "line 4, field serial"),
        (b"A" * 10_000, "longer than 64"),
        (b"A" * 200_000, "not readable as CSV"),
        (b"box,serial\n1\n", "line 2, field serial"),
    ],
)
def test_bad_files_are_named_with_every_bad_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(CommandError) as refusal:
        run("--serials", path)
    assert refusal.value.returncode == 2
    assert said in str(refusal.value)
    assert path in str(refusal.value)
    assert len(str(refusal.value)) < 1_000
    assert not Unit.objects.exists()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv: cannot be read") as refusal:
        run("--serials", "nowhere.csv")
    assert refusal.value.returncode == 2


def test_serials_seen_before_are_named_with_their_lines(tmp_path: Path) -> None:
    run("--serials", file_of(tmp_path, "AB-1X\nAB-2X\n"))
    with pytest.raises(CommandError) as refusal:
        run("--serials", file_of(tmp_path, "AB-3X\nab-2x\nAB-1X\n"))
    assert refusal.value.returncode == 2
    assert "line 2, field serial: AB-2X has been received before" in str(refusal.value)
    assert "line 3, field serial: AB-1X has been received before" in str(refusal.value)
    assert Unit.objects.count() == 2


def test_an_unknown_sku_lists_the_known_ones() -> None:
    with pytest.raises(CommandError, match="KD-A-NFC, KD-C-NFC") as refusal:
        call_command("receive_stock", "--sku", "KD-X", "--lot", "L-1", "--quantity", "1")
    assert refusal.value.returncode == 2
    assert KeyModel.objects.count() == 2


@pytest.mark.parametrize("quantity", ["0", "-3", "1000001"])
def test_an_absurd_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(CommandError, match="must be between") as refusal:
        run(f"--quantity={quantity}")
    assert refusal.value.returncode == 2


def test_a_mail_address_is_no_actor() -> None:
    with pytest.raises(CommandError, match="--actor"):
        run("--quantity", "1", "--actor", "staff:ada@example.org")
