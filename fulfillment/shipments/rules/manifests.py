"""States of a manifest, and the rules for which parcels may be on one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from common.choices import Choices


class ManifestState(Choices):
    PLANNED = "planned", "parcels chosen, form not requested"
    MAKING = "making", "form requested from the carrier"
    READY = "ready", "ready to be handed over"
    FAILED = "failed", "form not available"
    HANDED_OVER = "handed_over", "with the carrier"


_M = ManifestState

# The FSM trigger of Manifest rejects every other transition. A failed manifest releases its parcels.
MANIFEST_TRANSITIONS: Mapping[ManifestState, frozenset[ManifestState]] = {
    _M.PLANNED: frozenset({_M.MAKING, _M.READY, _M.FAILED}),
    _M.MAKING: frozenset({_M.READY, _M.FAILED}),
    _M.READY: frozenset({_M.HANDED_OVER, _M.FAILED}),
    _M.FAILED: frozenset(),
    _M.HANDED_OVER: frozenset(),
}
# Carriers for which the vendor creates forms.
FORM_CARRIERS = frozenset({"USPS"})


# The time zone of the vendor's label dates; at 22:30 it creates a form of all parcels not on one yet.
VENDOR_ZONE = ZoneInfo("America/Los_Angeles")


@dataclass(frozen=True)
class Candidate:
    """A parcel considered for a manifest.

    `origin` is the warehouse it leaves from, `label_dated` when its label was bought, `account` our account
    with the carrier that it was bought on.
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
class ExcludedParcel:
    """A parcel excluded from a manifest, with the reason and the remedy."""

    parcel: str
    code: str
    why: str


def excluded_parcels(
    candidates: Sequence[Candidate],
    *,
    origin: int | None,
    carrier: str,
    mode: str,
    has_form: bool,
    now: datetime,
) -> list[ExcludedParcel]:
    """The parcels that may not go on this manifest, each with the first rule it breaks.

    The carrier's six rules: bought and not refunded, one origin, one carrier account, a label dated today
    or later, each parcel once; the sixth, that a form never changes, is enforced by the states. Our own: a
    parcel is sealed, and its claim is not on hold. A label of yesterday needs no form, because the vendor
    created one overnight. The first eligible parcel decides the account of the form.

    Source: docs/vendors.md § 2.6.
    """
    found: list[ExcludedParcel] = []
    account: str | None = None
    for one in candidates:
        rules = (
            ("not_sealed", one.is_sealed, "it is not packed and sealed. Pack and seal it first."),
            ("held", not one.is_held, "its payment is disputed. Keep it here."),
            ("no_label", one.has_label, "it has no bought label."),
            ("refunded", not one.is_refunded, "its label is being refunded. Take it out of the bag."),
            ("on_a_manifest", not one.is_manifested, "it is on a manifest already."),
            ("other_carrier", (one.carrier, one.mode) == (carrier, mode), f"its carrier is {one.carrier}."),
            ("other_origin", one.origin == origin, "it is sent from another warehouse."),
            (
                "label_of_yesterday",
                not has_form or _is_of_today(one.label_dated, now),
                "its label was bought on an earlier day. Hand it over on a list without a form.",
            ),
            (
                "other_account",
                not has_form or account in (None, one.account),
                f"its label was bought on another account with {carrier}. Create another manifest for it.",
            ),
        )
        broken = next(((code, why) for code, holds, why in rules if not holds), None)
        if broken:
            found.append(ExcludedParcel(one.code, *broken))
        elif account is None:
            account = one.account
    return found


def _is_of_today(dated: datetime | None, now: datetime) -> bool:
    return dated is not None and dated.astimezone(VENDOR_ZONE).date() >= now.astimezone(VENDOR_ZONE).date()
