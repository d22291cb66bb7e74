"""Faults on request: which calls and webhooks fail, and how.

HTTP kinds are applied in `sandbox.easypost.app` and webhook kinds in
`sandbox.easypost.webhook_delivery`, and nowhere else.

HTTP kinds, matched on method and path:

    delay          wait `seconds`, before or after the effect
    drop           cut the connection, before or after the effect
    status         answer `status` as JSON (with `retry_after` when given), before or after the effect
    html           answer an HTML page with `status` (502 unless given)
    garbage        answer 200 with a body that is not JSON
    no_label       answer success without label, tracking code and tracker
    price          change the rates of a shipment by `percent` just before the purchase
    webhook_first  deliver the webhook of the effect before answering the call

Webhook kinds, matched on the event's description (`tracker.updated`) and its result's status:

    webhook_duplicate (`times` in all), webhook_reorder, webhook_delay (`seconds` on the clock),
    webhook_drop, webhook_bad_signature; Stripe's also webhook_thin (an event without its object)
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from sandbox.easypost.ids import stable_number
from sandbox.vendor_json import Json

HttpKind = Literal["delay", "drop", "status", "html", "garbage", "no_label", "price", "webhook_first"]
WebhookKind = Literal[
    "webhook_duplicate",
    "webhook_reorder",
    "webhook_delay",
    "webhook_drop",
    "webhook_bad_signature",
    "webhook_thin",
]
Moment = Literal["before", "after"]

HTTP_KINDS: frozenset[str] = frozenset(get_args(HttpKind))
WEBHOOK_KINDS: frozenset[str] = frozenset(get_args(WebhookKind))


class InvalidFault(ValueError):
    """An invalid description of a fault."""


@dataclass(slots=True)
class Fault:
    """A fault, applied from the `nth` matching call on, `count` times (0: without limit).

    `path` is a pattern below `/v2`: `*` stands for one segment or part of it, `**` for any number.
    `moment` says whether the fault is applied before or after the call takes effect.

    With a `share` below 1 it affects that share of recipients, `count` times each, in whatever order the
    calls come: the recipients depend only on `salt` and the fault.
    """

    kind: str
    method: str = "*"
    path: str = "**"
    event: str = "*"
    result_status: str = "*"
    nth: int = 1
    count: int = 1
    moment: str = "before"
    seconds: float = 0.0
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: int | None = None
    percent: int = 10
    times: int = 2
    share: float = 1.0
    salt: str = ""
    id: int = 0
    matched: int = 0
    struck: int = 0
    _path: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _event: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _struck_of: Counter[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in HTTP_KINDS | WEBHOOK_KINDS:
            raise InvalidFault(f"unknown kind {self.kind!r}")
        if self.moment not in get_args(Moment):
            raise InvalidFault("moment must be 'before' or 'after'")
        if self.nth < 1 or self.count < 0 or self.seconds < 0 or self.times < 1:
            raise InvalidFault("nth and times must be at least 1, count and seconds at least 0")
        if not 0 <= self.share <= 1:
            raise InvalidFault("share must be between 0 and 1")
        self._struck_of = Counter()
        self._path = _glob(self.path)
        self._event = _glob(self.event)

    @property
    def is_spent(self) -> bool:
        return self.count > 0 and self.struck >= self.count

    def meets_call(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and self._path.fullmatch(path) is not None

    def meets_event(self, description: str, status: str) -> bool:
        return self._event.fullmatch(description) is not None and self.result_status in ("*", status)

    def take_turn(self, subject: str = "") -> bool:
        """Count one matching call; returns whether the fault applies to it.

        Args: subject: the recipient the call is about. Faults with a share ignore calls about no recipient.
        """
        self.matched += 1
        if self.share < 1:
            return self._takes_its_share_of(subject)
        if self.matched < self.nth or self.is_spent:
            return False
        self.struck += 1
        return True

    def _takes_its_share_of(self, subject: str) -> bool:
        drawn = stable_number(self.salt, self.kind, self.moment, self.event, subject) / 2**64
        if not subject or drawn >= self.share or self._struck_of[subject] >= self.count > 0:
            return False
        self._struck_of[subject] += 1
        self.struck += 1
        return True

    def to_json(self) -> Json:
        return {item.name: getattr(self, item.name) for item in fields(self) if not item.name.startswith("_")}


class FaultPlan:
    """The faults, and how often each was applied."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, values: Json) -> Fault:
        """Add a fault from its JSON form. Raises: InvalidFault."""
        known = {item.name for item in fields(Fault) if item.init} - {"id", "matched", "struck"}
        if unknown := sorted(set(values) - known):
            raise InvalidFault(f"unknown field {', '.join(unknown)}")
        try:
            fault = Fault(**values, id=next(self._ids))
        except TypeError as error:
            raise InvalidFault(str(error)) from None
        self._faults.append(fault)
        return fault

    def for_call(self, method: str, path: str, subject: str = "") -> list[Fault]:
        """The faults to apply to this call. `subject`: the recipient, for faults with a share."""
        if not self._faults:
            return []
        return _striking(
            subject,
            (fault for fault in self._faults if fault.kind in HTTP_KINDS and fault.meets_call(method, path)),
        )

    def for_event(self, description: str, status: str, subject: str = "") -> list[Fault]:
        if not self._faults:
            return []
        return _striking(
            subject,
            (
                fault
                for fault in self._faults
                if fault.kind in WEBHOOK_KINDS and fault.meets_event(description, status)
            ),
        )

    def clear(self) -> None:
        self._faults.clear()

    def to_json(self) -> list[Json]:
        return [fault.to_json() for fault in self._faults]


def _striking(subject: str, candidates: Iterable[Fault]) -> list[Fault]:
    # Every candidate must count the call, so no short-circuit here.
    return [fault for fault in list(candidates) if fault.take_turn(subject)]


def _glob(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("**"))
    return re.compile(".*".join(parts))
