"""A step of warehouse work: its state, what a scan does to it, and what to scan next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import KeydeskError
from desk.roles import Action
from fulfillment.warehouse.rules.scans import clean_scan

# The current item: plain JSON with keys defined by each step. Empty: none.
Hand = dict[str, Any]


class Command:
    """Commands, typed, scanned from a sheet, or sent by a button. No serial begins with a slash."""

    UNDO = "/UNDO"
    DONE = "/DONE"
    ASIDE = "/ASIDE"
    TAKE_OVER = "/TAKE-OVER"
    NEW = "/NEW"
    CLOSE = "/CLOSE"


@dataclass(frozen=True)
class Scanned:
    """One scan: text, idempotency key, actor and time of arrival."""

    key: str
    text: str
    actor: str
    now: datetime

    @property
    def clean(self) -> str:
        return clean_scan(self.text)


class ScanRefused(KeydeskError):
    """A scan that this step does not accept; nothing has changed."""

    code = "refused"


@dataclass(frozen=True)
class ScanStep:
    """A step.

    handle: applies a scan. Changes the given hand and returns a message, or raises a KeydeskError; changes to
            the hand are kept even then (a wrong label empties it).
    due:    the expected scan, for the label of the input.
    name:   identifies the current item; a form with another name is stale.
    is_one_transaction: the hand is stored in the scan's transaction. Otherwise the services that a scan calls
            have their own transactions and are idempotent by its key.
    """

    action: Action
    handle: Callable[[Hand, Scanned], str]
    due: Callable[[Hand], str]
    name: Callable[[Hand], str]
    refresh: Callable[[Hand], Hand] = lambda hand: hand
    is_one_transaction: bool = False
