"""The door for vendors' webhooks: verify, read strictly, keep what we use, store once, defer the rest.

What differs between vendors comes as an `Intake`. Nothing of a refused webhook is kept but its time.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from operator import attrgetter
from typing import Any, NoReturn, Protocol

from django.db import connection

from common.errors import KeydeskError
from config.jobs import commit_and_wake
from fulfillment.group_commit import Together
from fulfillment.models import Provider, RefusedWebhook

MAX_BYTES = 1_000_000
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
MAX_TEXT = 200
# Refusals are kept to see that something is wrong, which a flood of them shows no better than this many.
REFUSALS_AN_HOUR = 1000
KEEP_REFUSALS_FOR = timedelta(days=90)


class WebhookRefused(KeydeskError):
    """A webhook that is not taken in; the vendor is answered 400."""

    code = "webhook_refused"


class BadSignature(WebhookRefused):
    """Not signed, or not with one of our secrets."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("The signature does not fit the body.")


class BadBody(WebhookRefused):
    """Signed, but not an event that can be read."""

    code = "bad_body"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body is not an event: {problem}.")


@dataclass(frozen=True)
class VendorEvent:
    """One event as we keep it.

    Args: occurred_at: when the vendor made it; None when it does not say.
          body: the fields we use and no others. Vendors repeat names and addresses in their events (I9).
          subject: the vendor's object it is about; events of one subject are worked one at a time.
    """

    event_id: str
    kind: str
    mode: str
    occurred_at: datetime | None
    subject: str
    body: Mapping[str, Any] = field(default_factory=dict)


class WebhookIntake(Protocol):
    """What a vendor's room brings to the door: how its events are signed, read and worked."""

    provider: Provider
    job: str
    """The job that works whatever webhooks of this vendor are stored and unworked."""

    def verify(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the body was signed with one of our secrets. An exception counts as no."""
        ...

    def read(self, document: Mapping[str, Any]) -> VendorEvent:
        """The event with the fields we use. Raises: BadBody."""
        ...


def receive_webhook(
    intake: WebhookIntake, *, body: bytes | None, headers: Mapping[str, str], now: datetime
) -> bool:
    """Take in one delivery of an event; whether it was the first.

    Args:    body: the bytes as signed; None when they could not be read.
    Raises:  BadSignature, BadBody: nothing is stored but that there was an attempt.
    Locks:   none; of several deliveries at once the unique event id lets one through.
    After commit: the vendor's job is woken by the first delivery.
    """
    try:
        if body is None or len(body) > MAX_BYTES:
            raise BadBody(f"longer than {MAX_BYTES} bytes, or cut short")
        event = _read(intake, body=body, headers=headers)
    except WebhookRefused:
        _note_refusal(intake.provider, now=now)
        raise
    return _store(intake, event, body=body, now=now)


def _note_refusal(provider: Provider, *, now: datetime) -> None:
    lately = RefusedWebhook.objects.filter(provider=provider, refused_at__gt=now - timedelta(hours=1))
    if not lately.order_by("refused_at")[REFUSALS_AN_HOUR - 1 :].exists():
        RefusedWebhook.objects.create(provider=provider, refused_at=now)


def forget_refusals(*, now: datetime) -> int:
    """Delete the records of refused attempts that are past their time; how many."""
    old = RefusedWebhook.objects.filter(refused_at__lt=now - KEEP_REFUSALS_FOR)
    return old.delete()[0]


def _read(intake: WebhookIntake, *, body: bytes, headers: Mapping[str, str]) -> VendorEvent:
    try:
        is_ours = intake.verify(body, headers)
    # Headers and bodies of strangers can upset any verifier; whatever happens there is a no.
    except Exception:
        is_ours = False
    if not is_ours:
        raise BadSignature
    return intake.read(parse_strictly(body))


# One statement and no savepoint: after an outage thousands of these come at once. The conflict is the second
# delivery of an event; whatever else is wrong with a row is an error.
_INSERT = """
INSERT INTO fulfillment_webhook
    (provider, event_id, kind, mode, occurred_at, received_at, body, body_sha256)
VALUES {rows}
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING event_id
"""
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass
class _Delivery:
    """One delivery on its way into the table."""

    event_id: str
    row: Sequence[object]
    is_first: bool = False


def _store(intake: WebhookIntake, event: VendorEvent, *, body: bytes, now: datetime) -> bool:
    """Store the webhook unless the vendor sent this event before; whether this was the first time."""
    row = [
        intake.provider.value,
        event.event_id,
        event.kind,
        event.mode,
        event.occurred_at or now,
        now,
        json.dumps(event.body),
        hashlib.sha256(body).hexdigest(),
    ]
    delivery = _Delivery(event.event_id, row)
    if connection.in_atomic_block:
        # What another thread's transaction does is not undone with this one.
        _insert(intake.job, [delivery])
    else:
        _at_once(intake.job)(delivery)
    return delivery.is_first


@cache
def _at_once(job: str) -> Together[_Delivery]:
    """Deliveries that come while one is being stored share the next statement, its commit and its look."""
    return Together(partial(_insert, job))


def _insert(job: str, deliveries: Collection[_Delivery]) -> None:
    # In one order, so that of two processes with the same events neither waits for the other.
    ordered = sorted(deliveries, key=attrgetter("event_id"))
    statement = _INSERT.format(rows=", ".join([_ROW] * len(ordered)))
    new = commit_and_wake(job, statement, [value for one in ordered for value in one.row])
    first = {event_id for (event_id,) in new}
    for one in ordered:
        one.is_first = one.event_id in first
        first.discard(one.event_id)


def parse_strictly(body: bytes) -> dict[str, Any]:
    """Read a JSON object that has one meaning only: UTF-8, no name twice, no NaN or infinity.

    Raises: BadBody.
    """
    try:
        document = _STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadBody("not JSON") from None
    if not isinstance(document, dict):
        raise BadBody("not a JSON object")
    return document


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadBody("a name stands twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise BadBody(f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_refuse_constant)


def kept_text(document: Mapping[str, object], name: str, *, longest: int = MAX_TEXT) -> str:
    """A text of the document that can be stored, or "" when there is none.

    Raises: BadBody: it is no text, too long, or holds what no column can (NUL, half a surrogate pair).
    """
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise BadBody(f"{name} is not text of up to {longest} characters")
    if "\x00" in value or not (value.isascii() or _HALF_A_PAIR.search(value) is None):
        raise BadBody(f"{name} holds characters that cannot be stored")
    return value
