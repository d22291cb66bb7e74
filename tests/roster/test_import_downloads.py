"""Download lists: kept whole and as they are, or refused with the line, and then nothing is kept."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from common.errors import InputErrors
from roster.errors import SnapshotWindowDiffers
from roster.files.download_tables import top_projects
from roster.models import Receipt, Snapshot
from roster.services.downloads import import_downloads
from roster.services.snapshots import snapshot_content
from tests.roster.conftest import DOWNLOADS, LATER, NOW, Write

ROWS = [("alpha", 500), ("Beta.Two", 300), ("gamma", 300), ("delta", 20), ("epsilon", 0)]


def parquet(rows: list[tuple[Any, Any]], count_type: pa.DataType | None = None) -> bytes:
    table = pa.table(
        {"download_count": pa.array([n for _, n in rows], count_type), "project": [name for name, _ in rows]}
    )
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


AS_JSON = [{"project": name, "download_count": n} for name, n in ROWS]
FORMATS: dict[str, str | bytes] = {
    "plain.csv": DOWNLOADS,
    "columns swapped, names quoted, another column.csv": "download_count,note,project\r\n"
    + "".join(f'{n},"a, ""b""","{name}"\r\n' for name, n in ROWS),
    "from a spreadsheet.csv": b"\xef\xbb\xbf" + DOWNLOADS.encode(),
    "no newline at the end.csv": DOWNLOADS.rstrip("\n"),
    "blank lines.csv": DOWNLOADS.replace("\n", "\n\n"),
    "a hexadecimal look elsewhere.csv": DOWNLOADS.replace("project,", "project,note,")
    .replace("alpha,", "alpha,0x1F,")
    .replace("Two,", "Two,a,")
    .replace("gamma,", "gamma,a,")
    .replace("delta,", "delta,a,")
    .replace("epsilon,", "epsilon,a,"),
    "list.json": json.dumps(AS_JSON),
    "monthly dump.json": json.dumps({"last_update": "2022-07-01", "rows": AS_JSON}),
    "lines.jsonl": "\n".join(json.dumps(row) for row in AS_JSON) + "\n",
    "columns.parquet": parquet(ROWS),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_a_list_is_kept_whole_in_whatever_format_it_comes(name: str, write: Write) -> None:
    imported = import_downloads(path=write(name, FORMATS[name]), actor="ops", now=NOW)
    snapshot = Snapshot.objects.get()
    assert imported.is_new
    assert (imported.snapshot.pk, snapshot.rows, imported.added) == (snapshot.pk, 5, 5)
    assert (snapshot.kind, snapshot.source, snapshot.imported_by) == ("downloads", name, "ops")
    assert snapshot.taken_at == NOW
    top = top_projects(snapshot_content(snapshot), 5)
    assert list(zip(top.names.to_pylist(), top.downloads, strict=True)) == ROWS
    assert top.ranks == [1, 2, 2, 4, 5]


@pytest.mark.django_db
def test_the_same_file_again_is_the_same_snapshot_received_again(write: Write) -> None:
    path = write("downloads.csv", DOWNLOADS)
    first = import_downloads(path=path, actor="ops", now=NOW)
    again = import_downloads(path=path, actor="ops", now=LATER)
    assert not again.is_new
    assert again.snapshot == first.snapshot
    assert (again.added, again.unchanged) == (0, 5)
    assert list(Receipt.objects.order_by("taken_at").values_list("taken_at", flat=True)) == [NOW, LATER]


@pytest.mark.django_db
def test_the_list_received_last_counts_even_when_it_came_before(write: Write) -> None:
    old, new = write("old.csv", DOWNLOADS), write("new.csv", DOWNLOADS.replace("500", "501"))
    first = import_downloads(path=old, actor="ops", now=NOW).snapshot
    import_downloads(path=new, actor="ops", now=NOW)
    import_downloads(path=old, actor="ops", now=LATER)
    assert Snapshot.objects.latest_of("downloads") == first


@pytest.mark.django_db
def test_the_window_is_kept_and_the_same_file_cannot_be_of_two(write: Write) -> None:
    path = write("downloads.csv", DOWNLOADS)
    days = (NOW.date(), LATER.date())
    kept = import_downloads(path=path, actor="ops", now=NOW, window_start=days[0], window_end=days[1])
    assert (kept.snapshot.window_start, kept.snapshot.window_end) == days
    with pytest.raises(SnapshotWindowDiffers):
        import_downloads(path=path, actor="ops", now=NOW, window_start=days[0], window_end=days[0])
    with pytest.raises(InputErrors, match="not both"):
        import_downloads(path=path, actor="ops", now=NOW, window_start=days[0])
    with pytest.raises(InputErrors, match="after it ends"):
        import_downloads(path=path, actor="ops", now=NOW, window_start=days[1], window_end=days[0])
    assert Receipt.objects.count() == 1


HEADER = "project,download_count\n"
BAD: dict[str, tuple[str | bytes, int | None, str | None, str]] = {
    "empty": ("", 1, None, "empty"),
    "blank": (" \n\n", 1, None, "empty"),
    "only a header": (HEADER, 1, None, "not a single project"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", 1, None, "not UTF-8 text"),
    "compressed": (b"\x1f\x8b\x08\x00\x00abc", 1, None, "not UTF-8 text"),
    "a NUL further down": (HEADER + "alpha,1\nbe\0ta,2\n", 3, None, "not UTF-8 text"),
    "latin-1 further down": (HEADER.encode() + b"alpha,1\nb\xe9ta,2\n", 3, None, "not UTF-8 text"),
    "no header": ("alpha,500\nbeta,300\n", 1, "project", "missing from the header"),
    "no count column": ("project,downloads\nalpha,5\n", 1, "download_count", "missing from the header"),
    "a column twice": ("project,download_count,project\na,1,b\n", 1, "project", "twice"),
    "negative": (HEADER + "alpha,500\nbeta,-300\n", 3, "download_count", "'-300'"),
    "textual": (HEADER + "alpha,many\n", 2, "download_count", "'many'"),
    "fractional": (HEADER + "alpha,1.5\n", 2, "download_count", "'1.5'"),
    "exponent": (HEADER + "alpha,1e3\n", 2, "download_count", "'1e3'"),
    "grouped": (HEADER + 'alpha,"1,000"\n', 2, "download_count", "'1,000'"),
    "hexadecimal": (HEADER + "alpha,0x1F\n", 2, "download_count", "'0x1F'"),
    "Arabic digits": (HEADER + "alpha,٣\n", 2, "download_count", "whole number"),
    "no count": (HEADER + "alpha,\n", 2, "download_count", "''"),
    "huge": (HEADER + f"alpha,{2**63}\n", 2, "download_count", "9223372036854775808"),
    "astronomic": (HEADER + f"alpha,{'9' * 5000}\n", 2, "download_count", "99999"),
    "a project twice": (HEADER + "alpha,5\nbeta,4\nalpha,3\n", 4, "project", "line 2 already"),
    "a project spelled twice": (
        HEADER + "Zope.Interface,5\nbeta,4\nzope--_interface,3\n",
        4,
        "project",
        "line 2 already, spelled Zope.Interface",
    ),
    "no name": (HEADER + ",5\n", 2, "project", "not a project's name"),
    "a formula": (HEADER + "=cmd,5\n", 2, "project", "'=cmd'"),
    "a control character": (HEADER + "al\x1bpha,5\n", 2, "project", "x1b"),
    "a line break in a name": (HEADER + 'alpha,1\n"be\nta",5\n', 3, "project", "be\\nta"),
    "a letter of another alphabet": (HEADER + "аlpha,5\n", 2, "project", "u0430"),
    "an endless name": (HEADER + "a" * 300 + ",5\n", 2, "project", "not a project's name"),
    "a cell too few": (HEADER + "alpha,5\nbeta\n", 3, None, "1 cells"),
    "a cell too many": (HEADER + "alpha,5\nbeta,4,3\n", 3, None, "3 cells"),
    "an open quote": (HEADER + 'alpha,5\n"beta,4\n', 3, None, "not CSV"),
    "broken JSON": ('[{"project": "alpha",]', 1, None, "not JSON"),
    "deep JSON": ("[" * 100_000, 1, None, "JSON"),
    "a JSON number": ("[1]", 1, None, "not a JSON object"),
    "JSON without a count": ('[{"project": "alpha"}]', 1, "download_count", "missing"),
    "a JSON text for a count": ('[{"project": "alpha", "download_count": "5"}]', 1, "download_count", "'5'"),
    "a JSON fraction": ('[{"project": "alpha", "download_count": 5.0}]', 1, "download_count", "5.0"),
    "a JSON boolean": ('[{"project": "alpha", "download_count": true}]', 1, "download_count", "True"),
    "a broken JSON line": (
        '{"project": "alpha", "download_count": 1}\n{"project": \n',
        2,
        None,
        "not JSON",
    ),
    "a cut Parquet": (parquet(ROWS)[:-20], None, None, "cannot be read"),
    "Parquet without a count": (
        parquet(ROWS).replace(b"download_count", b"download_court"),
        1,
        "download_count",
        "unknown column",
    ),
    "a Parquet with a null": (parquet([("alpha", 1), ("beta", None)]), 2, "download_count", "None"),
    "a Parquet with fractions": (parquet([("alpha", 1.5)]), 1, "download_count", "1.5"),
    "a Parquet with a negative": (parquet([("alpha", 1), ("beta", -1)]), 2, "download_count", "-1"),
    "a Parquet of texts": (parquet([("alpha", "1")]), 1, "download_count", "'1'"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", BAD)
def test_a_bad_list_is_refused_with_its_line_and_nothing_is_kept(name: str, write: Write) -> None:
    content, line, field, words = BAD[name]
    path = write("bad", content)
    with pytest.raises(InputErrors) as refused:
        import_downloads(path=path, actor="ops", now=NOW)
    (problem,) = refused.value.problems
    assert refused.value.source == str(path)
    assert (problem.line, problem.field) == (line, field)
    assert words in problem.problem
    assert not Snapshot.objects.exists()
    assert not Receipt.objects.exists()


@pytest.mark.django_db
def test_a_missing_file_and_a_directory_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(InputErrors) as refused:
            import_downloads(path=path, actor="ops", now=NOW)
        assert refused.value.source == str(path)


@pytest.mark.django_db
def test_many_faults_are_named_at_once_but_not_all_of_thousands(write: Write) -> None:
    few = write("few.csv", HEADER + "alpha,-1\n=b,2\ngamma,x\n")
    with pytest.raises(InputErrors) as refused:
        import_downloads(path=few, actor="ops", now=NOW)
    assert [problem.line for problem in refused.value.problems] == [2, 3, 4]
    many = write("many.csv", HEADER + "".join(f"p{n},-1\n" for n in range(5000)))
    with pytest.raises(InputErrors) as refused:
        import_downloads(path=many, actor="ops", now=NOW)
    assert len(refused.value.problems) == 21


@pytest.mark.django_db
def test_the_command_exits_2_with_file_line_and_field(write: Write) -> None:
    path = write("bad.csv", HEADER + "alpha,-1\n")
    with pytest.raises(CommandError) as refused:
        call_command("import_downloads", str(path))
    assert refused.value.returncode == 2
    assert f"{path}: line 2, field download_count: '-1'" in str(refused.value)
    assert not Snapshot.objects.exists()


@pytest.mark.django_db
def test_the_command_prints_one_document(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_downloads", str(write("downloads.csv", DOWNLOADS)), "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["is_new"], document["source"]) == (5, True, "downloads.csv")
