"""BigQuery's HTTP API for one query: the most downloaded projects of a period.

It answers the query of `roster.gateways.bigquery` from (project, day, downloads) rows, in pages; any other
text is refused as BigQuery refuses invalid SQL. Requests are recorded for tests.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from sandbox.vendor_json import Json

PAGE_ROWS = 3
TABLE = "`bigquery-public-data.pypi.file_downloads`"
_PATH = re.compile(r"/bigquery/v2/projects/([^/]+)/queries(?:/([^/]+))?")
_JOB = re.compile(r"/bigquery/v2/projects/([^/]+)/jobs/([^/]+)")
_SCHEMA = {
    "fields": [
        {"name": "project", "type": "STRING", "mode": "NULLABLE"},
        {"name": "download_count", "type": "INTEGER", "mode": "NULLABLE"},
    ]
}


class BigQuery:
    """The stand-in: `with BigQuery(rows) as server: … server.url`."""

    def __init__(self, rows: Iterable[tuple[str, date, int]]) -> None:
        self.rows = list(rows)
        self.asked: list[Json] = []
        # The next response instead of a result: (status, reason, message).
        self.faults: list[tuple[int, str, str]] = []
        self._results: dict[str, list[tuple[str, int]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def query(self, body: Json) -> tuple[int, Json]:
        """`jobs.query`."""
        self.asked.append(body)
        if self.faults:
            return refusal(*self.faults.pop(0))
        if TABLE not in body.get("query", "") or body.get("useLegacySql") is not False:
            return refusal(400, "invalidQuery", "Syntax error: this is not a query of the stand-in.")
        given = {one["name"]: one["parameterValue"]["value"] for one in body.get("queryParameters", [])}
        missing = [name for name in re.findall(r"@(\w+)", body["query"]) if name not in given]
        if missing:
            return refusal(400, "invalidQuery", f"Query parameter '{missing[0]}' not found")
        job = f"job_{len(self.asked)}"
        self._results[job] = self._counted(given)
        return 200, self.page(job, 0)

    def page(self, job: str, start: int) -> Json:
        """`jobs.getQueryResults`: one page of rows and the token of the next."""
        rows = self._results[job]
        answer: Json = {
            "kind": "bigquery#queryResponse",
            "schema": _SCHEMA,
            "jobReference": {"projectId": "stand-in", "jobId": job, "location": "US"},
            "totalRows": str(len(rows)),
            "rows": [
                {"f": [{"v": name}, {"v": str(count)}]} for name, count in rows[start : start + PAGE_ROWS]
            ],
            "jobComplete": True,
            "cacheHit": False,
        }
        if start + PAGE_ROWS < len(rows):
            answer["pageToken"] = str(start + PAGE_ROWS)
        return answer

    def job(self, job: str) -> Json:
        """`jobs.get`: the client gets the job before it gets further pages."""
        table = {"projectId": "stand-in", "datasetId": "_results", "tableId": job}
        query = {"query": self.asked[-1]["query"], "useLegacySql": False, "destinationTable": table}
        return {
            "kind": "bigquery#job",
            "id": f"stand-in:US.{job}",
            "jobReference": {"projectId": "stand-in", "jobId": job, "location": "US"},
            "configuration": {"jobType": "QUERY", "query": query},
            "status": {"state": "DONE"},
            "statistics": {"query": {"statementType": "SELECT"}},
        }

    def _counted(self, given: dict[str, str]) -> list[tuple[str, int]]:
        first, last = (date.fromisoformat(given[name]) for name in ("window_start", "window_end"))
        sums: dict[str, int] = {}
        for name, day, downloads in self.rows:
            if first <= day <= last:
                project = re.sub(r"[-_.]+", "-", name).lower()
                sums[project] = sums.get(project, 0) + downloads
        ranked = sorted(sums.items(), key=lambda row: (-row[1], row[0]))
        return ranked[: int(given["cohort"])]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if _PATH.fullmatch(urlsplit(self.path).path):
                    self._answer(*stand_in.query(json.loads(body)))
                else:
                    self._answer(*refusal(404, "notFound", "Not found"))

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if (job := _JOB.fullmatch(address.path)) and job[2] in stand_in._results:
                    self._answer(200, stand_in.job(job[2]))
                    return
                named = _PATH.fullmatch(address.path)
                if named is None or named[2] not in stand_in._results:
                    self._answer(*refusal(404, "notFound", "Not found: Job"))
                    return
                token = parse_qs(address.query).get("pageToken", ["0"])[0]
                self._answer(200, stand_in.page(named[2], int(token)))

            def _answer(self, status: int, document: Json) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing: tests read `asked`."""

        return Handler


def refusal(status: int, reason: str, message: str) -> tuple[int, Json]:
    """An error response in BigQuery's format."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}
