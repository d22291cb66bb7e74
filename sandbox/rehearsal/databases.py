"""Separate databases for rehearsals, on the server of the settings."""

import os
from urllib.parse import quote, urlsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

# A rehearsal only fills and drops databases with this prefix.
PREFIX = "keydesk_rehearsal"


def create_database(name: str) -> None:
    """Create an empty database, replacing one of the same name.

    Its commits do not wait for the disk: whatever a power cut loses can be rehearsed again.
    """
    drop(name)
    with _maintenance() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))


def drop(name: str) -> None:
    assert name.startswith(PREFIX), "only a rehearsal's database is dropped"
    with _maintenance() as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def environment_for(name: str) -> dict[str, str]:
    """Environment variables for another process to use this database on the same server."""
    if not settings.ENVIRONMENT.database_url:
        return {"DATABASE_NAME": name}
    url = urlsplit(settings.ENVIRONMENT.database_url)
    return {"DATABASE_URL": url._replace(path=f"/{quote(name)}").geturl()}


def new_name() -> str:
    return f"{PREFIX}_{os.getpid()}"


def _maintenance() -> "psycopg.Connection[tuple[object, ...]]":
    parameters = connection.get_connection_params()
    kept = {key: parameters[key] for key in ("host", "port", "user", "password") if parameters.get(key)}
    return psycopg.connect(**kept, dbname="postgres", autocommit=True)
