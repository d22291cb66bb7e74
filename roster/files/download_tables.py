"""Download tables as stored with a snapshot: Parquet, whose top can be read without the rest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

# In a list ordered by downloads the cohort is in the first few groups; the rest is never decoded.
ROWS_A_GROUP = 16_384
# One row for each project: its name as spelled, and its downloads in the window.
SCHEMA = pa.schema([pa.field("project", pa.string()), pa.field("downloads", pa.int64())])


def as_parquet(table: pa.Table) -> bytes:
    """A download table (`project`, `downloads`) as zstd Parquet."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        # Length and delta encodings: smaller, and faster than compressing plain values.
        column_encoding={"project": "DELTA_LENGTH_BYTE_ARRAY", "downloads": "DELTA_BINARY_PACKED"},
        write_statistics=False,
        row_group_size=ROWS_A_GROUP,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def download_rows(content: bytes) -> int:
    """The number of projects in the table."""
    rows: int = pq.read_metadata(pa.BufferReader(content)).num_rows
    return rows


@dataclass(frozen=True)
class TopProjects:
    """The most downloaded projects, in order: names as spelled, downloads, and ranks, equal for ties."""

    names: pa.StringArray
    downloads: list[int]
    ranks: list[int]
    cutoff_downloads: int


def top_projects(content: bytes, cohort_size: int) -> TopProjects:
    """The first `cohort_size` projects by downloads, and those tied with the last of them."""
    file = pq.ParquetFile(pa.BufferReader(content))
    downloads = numbers(file.read(columns=["downloads"]))
    assert 1 <= cohort_size <= len(downloads), "the list is long enough"
    cutoff = int(np.partition(downloads, len(downloads) - cohort_size)[len(downloads) - cohort_size])
    groups = np.unique(np.flatnonzero(downloads >= cutoff) // ROWS_A_GROUP)
    table = file.read_row_groups(groups.tolist())
    chosen = np.packbits(numbers(table) >= cutoff, bitorder="little")
    mask = pa.BooleanArray.from_buffers(pa.bool_(), table.num_rows, [None, pa.py_buffer(chosen.tobytes())])
    cohort = table.filter(mask).sort_by([("downloads", "descending")])
    counts = cohort["downloads"].to_pylist()
    ranks: list[int] = []
    for position, count in enumerate(counts):
        level = position > 0 and count == counts[position - 1]
        ranks.append(ranks[-1] if level else position + 1)
    return TopProjects(cohort["project"].combine_chunks(), counts, ranks, cutoff)


def numbers(table: pa.Table) -> npt.NDArray[np.int64]:
    """The downloads. Arrow's own conversion would import pandas, which takes longer than all the rest."""
    column = table["downloads"].combine_chunks()
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column)]
