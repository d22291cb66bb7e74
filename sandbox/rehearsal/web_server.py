"""The site on a loopback port inside this process, so that the stand-in's webhooks find the real view."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections

from config.wsgi import application


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Thousands of webhooks arrive; none is news."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def close_request(self, request: object) -> None:
        # The thread ends with its connection to the client, and so must its connection to the database.
        connections.close_all()
        super().close_request(request)  # type: ignore[arg-type]


def _behind_a_proxy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """As a deployment sees it: the proxy in front ended TLS and says so."""
    environ["HTTP_X_FORWARDED_PROTO"] = "https"
    return application(environ, start_response)


@contextmanager
def open_front_door() -> Iterator[str]:
    """Serve until the block ends; yields the address, such as http://127.0.0.1:41234."""
    server = _Server(("127.0.0.1", 0), _Quiet)
    server.set_app(_behind_a_proxy)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
