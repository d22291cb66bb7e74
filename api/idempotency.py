"""Idempotency-Key: the first response to a POST is stored for a day and returned to repeats.

A key is claimed by inserting its row before the work begins; the unique constraint lets one of two
simultaneous requests through. The row is marked finished only together with the response. A 5xx response
releases the key; a row left by a process that died may be taken over after LEASE.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from api.errors import BadIdempotencyKey, IdempotencyInProgress, IdempotencyKeyReused
from api.models import IdempotentRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
# Twice the longest a request may take (config/gunicorn.py stops it after 60 s).
LEASE = timedelta(minutes=2)
REPEATED_HEADERS = ("Content-Type", "Location")


@dataclass(frozen=True)
class Ticket:
    """The right to process a request; a new one is issued when a request is taken over."""

    row_id: int
    started_at: datetime


class KeyedRequest(HttpRequest):
    """A request whose Idempotency-Key has been claimed, if it has one."""

    ticket: Ticket | None


@dataclass
class Replay(Exception):
    """The stored response to a repeated request."""

    status: int
    headers: dict[str, str]
    body: str


def begin(request: HttpRequest, *, caller: str, now: datetime) -> Ticket | None:
    """Claim the request's key; returns the ticket to `finish`, or None for a request without a key.

    Raises: BadIdempotencyKey, IdempotencyKeyReused, IdempotencyInProgress.
            Replay: the request was answered before.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadIdempotencyKey
    fingerprint = _fingerprint(request)
    taken = _insert(caller=caller, key=key, fingerprint=fingerprint, now=now)
    return (
        taken
        if taken is not None
        else _repeat_or_take_over(caller=caller, key=key, fingerprint=fingerprint, now=now)
    )


def store_answer(ticket: Ticket, response: HttpResponse, *, now: datetime) -> None:
    """Store the response, or release the key if it is a 5xx."""
    if response.status_code >= 500:
        release_key(ticket)
        return
    _held_by(ticket).update(
        finished_at=now,
        status=response.status_code,
        headers={name: response.headers[name] for name in REPEATED_HEADERS if name in response.headers},
        body=response.content.decode(),
    )


def release_key(ticket: Ticket) -> None:
    _held_by(ticket).delete()


def _held_by(ticket: Ticket) -> QuerySet[IdempotentRequest]:
    return IdempotentRequest.objects.filter(
        pk=ticket.row_id, started_at=ticket.started_at, finished_at__isnull=True
    )


def delete_expired(*, now: datetime) -> int:
    """Delete rows older than a day; returns how many."""
    return IdempotentRequest.objects.filter(started_at__lt=now - KEPT_FOR).delete()[0]


def _fingerprint(request: HttpRequest) -> str:
    content = b"\n".join((str(request.method).encode(), request.get_full_path().encode(), request.body))
    return salted_hmac("api.idempotency", content, algorithm="sha256").hexdigest()


def _insert(*, caller: str, key: str, fingerprint: str, now: datetime) -> Ticket | None:
    try:
        with transaction.atomic():
            row = IdempotentRequest.objects.create(
                caller=caller, key=key, fingerprint=fingerprint, started_at=now
            )
    except IntegrityError:
        return None
    return Ticket(row.pk, now)


def _repeat_or_take_over(*, caller: str, key: str, fingerprint: str, now: datetime) -> Ticket:
    """The key was used before: replay the response, refuse, or take over an expired row."""
    row = IdempotentRequest.objects.filter(caller=caller, key=key).first()
    if row is None:
        # Released between our insert and this query: a retry will find the key free.
        raise IdempotencyInProgress
    expired = Q(finished_at__isnull=True, started_at__lt=now - LEASE) | Q(started_at__lt=now - KEPT_FOR)
    mine = IdempotentRequest.objects.filter(expired, pk=row.pk, started_at=row.started_at)
    if mine.update(
        fingerprint=fingerprint, started_at=now, finished_at=None, status=None, headers={}, body=""
    ):
        return Ticket(row.pk, now)
    if not constant_time_compare(row.fingerprint, fingerprint):
        raise IdempotencyKeyReused
    if row.status is None:
        raise IdempotencyInProgress
    raise Replay(row.status, row.headers, row.body)
