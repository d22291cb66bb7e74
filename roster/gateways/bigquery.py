"""Download counts from the public dataset, with Google's client: the optional extra `bigquery`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from roster.errors import RosterError

TABLE = "bigquery-public-data.pypi.file_downloads"
# Counts all spellings of a project together; the table is partitioned by day, so only the window is read.
SQL = f"""\
SELECT
  LOWER(REGEXP_REPLACE(file.project, r'[-_.]+', '-')) AS project,
  COUNT(*) AS download_count
FROM `{TABLE}`
WHERE timestamp >= TIMESTAMP(@window_start)
  AND timestamp < TIMESTAMP(DATE_ADD(@window_end, INTERVAL 1 DAY))
GROUP BY project
ORDER BY download_count DESC, project
LIMIT @cohort
"""  # noqa: S608 - the table is a constant
TIMEOUT_S = 600


class BigQueryError(RosterError):
    """The query failed; says whether retrying can help."""

    code = "bigquery_failed"

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        self.is_transient = is_transient
        super().__init__(message)


@dataclass(frozen=True)
class DownloadQuery:
    """The `cohort` most downloaded projects of some days, both included."""

    window_start: date
    window_end: date
    cohort: int

    def as_text(self) -> str:
        """The query with its parameters, to be read before it costs money."""
        return (
            f"{SQL}-- @window_start DATE = '{self.window_start}'\n"
            f"-- @window_end DATE = '{self.window_end}'\n-- @cohort INT64 = {self.cohort}\n"
        )


def fetch_downloads(query: DownloadQuery, *, project: str, api_base: str = "") -> Iterator[tuple[str, int]]:
    """Run the query and yield (project, downloads), most downloaded first.

    Args:   project: the project that Google bills. api_base: URL of a compatible server.
    Raises: BigQueryError: no client installed, no project named, refused, or not answered.
    Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
    """
    try:
        from google.api_core.exceptions import GoogleAPIError, RetryError, ServerError, TooManyRequests
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import bigquery
    except ImportError:
        raise BigQueryError(
            "The BigQuery client is not installed. Install it with: pip install google-cloud-bigquery"
        ) from None
    if not project:
        raise BigQueryError("No project is named that the query is billed to. Set BIGQUERY_PROJECT.")
    parameters = [
        bigquery.ScalarQueryParameter("window_start", "DATE", query.window_start),
        bigquery.ScalarQueryParameter("window_end", "DATE", query.window_end),
        bigquery.ScalarQueryParameter("cohort", "INT64", query.cohort),
    ]
    try:
        client = _client(project, api_base)
        found = client.query_and_wait(
            SQL,
            job_config=bigquery.QueryJobConfig(query_parameters=parameters),
            wait_timeout=TIMEOUT_S,
            retry=None,
            job_retry=None,
        )
        for row in found:
            yield row["project"], row["download_count"]
    except (ServerError, RetryError, TooManyRequests, ConnectionError) as error:
        raise BigQueryError(
            f"BigQuery does not answer ({type(error).__name__}). Try again later.", is_transient=True
        ) from None
    except (GoogleAPIError, GoogleAuthError) as error:
        raise BigQueryError(f"BigQuery refused the query: {getattr(error, 'message', error)}") from None


def _client(project: str, api_base: str) -> Any:
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    if not api_base:
        return bigquery.Client(project=project)
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=api_base),
    )
