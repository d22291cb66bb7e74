"""Databases of their own for rehearsals, beside the one that the settings name."""

import os
from urllib.parse import quote, urlsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

# A rehearsal fills and drops only databases whose name starts so.
PREFIX = "keydesk_rehearsal"


def create_database(name: str) -> None:
    """An empty database of this name, in place of any before.

    Commits there do not wait for the disk: what a power cut may take from it can be rehearsed again.
    """
    drop(name)
    with _maintenance() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))


def drop(name: str) -> None:
    assert name.startswith(PREFIX), "only rehearsals are dropped"
    with _maintenance() as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def environment_for(name: str) -> dict[str, str]:
    """The variables that make another process of ours use this database on the same server."""
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
