"""The site on a loopback port inside this process, so that the stand-in's webhooks reach the real view."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections

from config.wsgi import application


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: thousands of webhooks arrive."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def close_request(self, request: object) -> None:
        # The thread ends with its client connection, and so must its database connection.
        connections.close_all()
        super().close_request(request)  # type: ignore[arg-type]


def _behind_a_proxy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Add the header of the TLS proxy in front of a deployment."""
    environ["HTTP_X_FORWARDED_PROTO"] = "https"
    return application(environ, start_response)


@contextmanager
def serve_site() -> Iterator[str]:
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
