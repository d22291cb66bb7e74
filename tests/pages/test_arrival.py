"""A page that arrives in pieces, as over a slow line: nothing on it moves when the next piece comes."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser

from tests.browser import WIDTHS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What of the page is shown before the rest arrives: nothing of the foot, half of it, nearly all of it.
PIECES = (b"<footer", b"</form>\n            <div", b"Questions</a>")


@pytest.fixture
def slow_line(live_server: Any) -> Iterator[str]:
    """The address of the same site behind a line that holds pages up in the middle of their foot."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with urlopen(f"{live_server.url}{self.path}") as answer:
                body, kind = answer.read(), answer.headers["Content-Type"]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for piece in PIECES if kind.startswith("text/html") else ():
                before, body = body[: body.index(piece)], body[body.index(piece) :]
                self.wfile.write(before)
                time.sleep(0.4)
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: the test's own report is enough."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("width", WIDTHS.values())
def test_a_short_page_that_arrives_in_pieces_stays_where_it_is(
    browser: Browser, slow_line: str, width: int
) -> None:
    visitor = Visitor(browser, site=slow_line, width=width, claims=True)
    visitor.page.set_default_navigation_timeout(60_000)
    visitor.go("/sign-in/login/code/")
    visitor.page.get_by_role("heading", name="Sign in").wait_for()
    visitor.look("in-pieces")
    visitor.close()
