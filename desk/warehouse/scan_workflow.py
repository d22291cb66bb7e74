"""A step of warehouse work: its state, what a scan does to it, and what to scan next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import KeydeskError
from desk.roles import Action
from fulfillment.warehouse.rules.scans import clean_scan

# What is in hand: plain JSON, each step with keys of its own. Empty: nothing.
Hand = dict[str, Any]


class Command:
    """What can be said instead of scanning: typed, scanned from a sheet, or a button. No serial begins so."""

    UNDO = "/UNDO"
    DONE = "/DONE"
    ASIDE = "/ASIDE"
    TAKE_OVER = "/TAKE-OVER"
    NEW = "/NEW"
    CLOSE = "/CLOSE"


@dataclass(frozen=True)
class Scanned:
    """One scan: its text, the key its sender made up for it, who sent it and when it arrived."""

    key: str
    text: str
    actor: str
    now: datetime

    @property
    def clean(self) -> str:
        return clean_scan(self.text)


class ScanRefused(KeydeskError):
    """A scan that this step has no use for; nothing has changed."""

    code = "refused"


@dataclass(frozen=True)
class StepOnTheFloor:
    """A step.

    handle: what a scan does. Changes the hand it is given and returns the sentence that says so, or raises a
            KeydeskError; its changes to the hand are kept even then (a wrong label empties it).
    due:    what is to be scanned now, for the label of the input.
    name:   of what is in hand, so that a form opened before is told from one of now.
    is_one_transaction: the hand is kept together with what the scan does. Otherwise the services that a scan
            calls are transactions of their own, which know its key.
    """

    action: Action
    handle: Callable[[Hand, Scanned], str]
    due: Callable[[Hand], str]
    name: Callable[[Hand], str]
    refresh: Callable[[Hand], Hand] = lambda hand: hand
    is_one_transaction: bool = False
