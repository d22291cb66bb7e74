"""The states of a manifest, and which parcels may be on one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from common.choices import Choices


class ManifestState(Choices):
    PLANNED = "planned", "parcels chosen, form to be made"
    MAKING = "making", "the carrier makes the form"
    READY = "ready", "ready to be handed over"
    FAILED = "failed", "no form could be made"
    HANDED_OVER = "handed_over", "with the carrier"


_M = ManifestState

# The database refuses every other step (the FSM trigger of Manifest). A failed one gives its parcels free.
MANIFEST_TRANSITIONS: Mapping[ManifestState, frozenset[ManifestState]] = {
    _M.PLANNED: frozenset({_M.MAKING, _M.READY, _M.FAILED}),
    _M.MAKING: frozenset({_M.READY, _M.FAILED}),
    _M.READY: frozenset({_M.HANDED_OVER, _M.FAILED}),
    _M.FAILED: frozenset(),
    _M.HANDED_OVER: frozenset(),
}
# The carriers whose manifests the vendor makes a form of.
FORM_CARRIERS = frozenset({"USPS"})


# The vendor's day: label dates are of it, and at 22:30 it makes a form of all that nobody has by then.
VENDOR_ZONE = ZoneInfo("America/Los_Angeles")


@dataclass(frozen=True)
class Candidate:
    """A parcel that might go onto a manifest.

    `origin` is the door it leaves from, `label_dated` when its label was bought, `account` which one of ours
    at the carrier it was bought on.
    """

    code: str
    origin: int | None
    carrier: str
    mode: str
    has_label: bool
    is_refunded: bool
    is_manifested: bool
    is_sealed: bool
    is_held: bool
    label_dated: datetime | None
    account: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A parcel that may not go onto a manifest, and why, with what to do."""

    parcel: str
    code: str
    why: str


def left_out(
    candidates: Sequence[Candidate],
    *,
    origin: int | None,
    carrier: str,
    mode: str,
    has_form: bool,
    now: datetime,
) -> list[LeftOut]:
    """The parcels that may not go onto this manifest, each with the first of the rules it breaks.

    The carrier's six rules: bought and not refunded, one origin, one carrier account, a label dated today
    or later, each parcel once; the sixth, that a form never changes, is kept by the states. And ours: a
    parcel leaves sealed, and not while its claim is held back. A label of yesterday needs no form, for the
    vendor made one of it overnight. The account of a form is that of the first parcel that may go on it.

    Source: docs/vendors.md § 2.6.
    """
    found: list[LeftOut] = []
    account: str | None = None
    for one in candidates:
        rules = (
            ("not_sealed", one.is_sealed, "it is not packed and sealed. Do that first."),
            ("held", not one.is_held, "its payment is disputed. Keep it here."),
            ("no_label", one.has_label, "it has no bought label."),
            ("refunded", not one.is_refunded, "its label is being refunded. Take it out of the bag."),
            ("on_a_manifest", not one.is_manifested, "it is on a manifest already."),
            ("other_carrier", (one.carrier, one.mode) == (carrier, mode), f"{one.carrier} takes it."),
            ("other_origin", one.origin == origin, "it is sent from another warehouse."),
            (
                "label_of_yesterday",
                not has_form or _is_of_today(one.label_dated, now),
                "its label is of an earlier day. Hand it over on a list without a form.",
            ),
            (
                "other_account",
                not has_form or account in (None, one.account),
                f"its label was bought on another of our accounts at {carrier}. Make another manifest of it.",
            ),
        )
        broken = next(((code, why) for code, holds, why in rules if not holds), None)
        if broken:
            found.append(LeftOut(one.code, *broken))
        elif account is None:
            account = one.account
    return found


def _is_of_today(dated: datetime | None, now: datetime) -> bool:
    return dated is not None and dated.astimezone(VENDOR_ZONE).date() >= now.astimezone(VENDOR_ZONE).date()
