"""The same POST twice is one POST: the first answer is kept for a day and given again.

A key is taken by inserting its row before the work begins; the unique constraint lets one of two
simultaneous requests through. The row says `finished` only with the answer in it. Work that failed
with a 5xx gives the key back; a process that died leaves a row that may be taken over after LEASE.
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
    """The right to work a request; another one is issued when a request is taken over."""

    row_id: int
    started_at: datetime


@dataclass
class Replay(Exception):
    """This request was answered before; here is the answer."""

    status: int
    headers: dict[str, str]
    body: str


def begin(request: HttpRequest, *, caller: str, now: datetime) -> Ticket | None:
    """Take the request's key; returns the ticket to `finish`, or None for a request without a key.

    Raises: BadIdempotencyKey, IdempotencyKeyReused, IdempotencyInProgress.
            Replay: answered before.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadIdempotencyKey
    fingerprint = _fingerprint(request)
    taken = _insert(caller=caller, key=key, fingerprint=fingerprint, now=now)
    return taken if taken is not None else _meet(caller=caller, key=key, fingerprint=fingerprint, now=now)


def store_answer(ticket: Ticket, response: HttpResponse, *, now: datetime) -> None:
    """Keep the answer, or give the key back when the work failed on our side."""
    if response.status_code >= 500:
        give_back(ticket)
        return
    _held_by(ticket).update(
        finished_at=now,
        status=response.status_code,
        headers={name: response.headers[name] for name in REPEATED_HEADERS if name in response.headers},
        body=response.content.decode(),
    )


def give_back(ticket: Ticket) -> None:
    _held_by(ticket).delete()


def _held_by(ticket: Ticket) -> QuerySet[IdempotentRequest]:
    return IdempotentRequest.objects.filter(
        pk=ticket.row_id, started_at=ticket.started_at, finished_at__isnull=True
    )


def forget_old(*, now: datetime) -> int:
    """Delete what is past its day; how many rows that were."""
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


def _meet(*, caller: str, key: str, fingerprint: str, now: datetime) -> Ticket:
    """The key was used before: repeat, refuse, or take over what has run out."""
    row = IdempotentRequest.objects.filter(caller=caller, key=key).first()
    if row is None:
        # Given back between our insert and this look: the next try will find it free.
        raise IdempotencyInProgress
    run_out = Q(finished_at__isnull=True, started_at__lt=now - LEASE) | Q(started_at__lt=now - KEPT_FOR)
    mine = IdempotentRequest.objects.filter(run_out, pk=row.pk, started_at=row.started_at)
    if mine.update(
        fingerprint=fingerprint, started_at=now, finished_at=None, status=None, headers={}, body=""
    ):
        return Ticket(row.pk, now)
    if not constant_time_compare(row.fingerprint, fingerprint):
        raise IdempotencyKeyReused
    if row.status is None:
        raise IdempotencyInProgress
    raise Replay(row.status, row.headers, row.body)
