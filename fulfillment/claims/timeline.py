"""A claim told in plain words: what happened, and what comes next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState

_N = ClaimEvent.Name


@dataclass(frozen=True)
class TimelineEntry:
    """One line of the timeline."""

    at: datetime
    title: str
    text: str = ""
    is_good: bool = True


_TOLD = {
    _N.ACCEPTED: (_("Confirmed"), _("Your keys are reserved for you.")),
    _N.WAITLISTED: (_("On the waitlist"), _("All keys are claimed at the moment; you have a place in line.")),
    _N.IN_REVIEW: (_("In review"), _("A person looks at this claim before it goes on.")),
    _N.AWAITING_PAYMENT: (_("To be paid"), _("Your keys are held for you until it is.")),
    _N.PAID: (_("Paid"), _("Your payment arrived, and your keys are reserved.")),
    _N.EXPIRED: (_("Time ran out"), _("The keys went to the next in line. Nothing was charged.")),
    _N.HELD: (_("Held back"), _("The payment is disputed, so nothing is sent until that is settled.")),
    _N.HELD_NO_MORE: (
        _("Going on"),
        _("The dispute is settled and the claim goes on."),
    ),
    _N.APPROVED: (_("Approved"), _("A person has looked at your claim and approved it.")),
    _N.REJECTED: (_("Not approved"), ""),
    _N.CANCELLED: (_("Cancelled"), _("The keys go to somebody else, and your address has been destroyed.")),
    _N.RECALLED: (
        _("Back in line"),
        _("The maker recalled the keys we had for you. You are first in line for others."),
    ),
    _N.ADDRESS_CHANGED: (_("Address changed"), _("The parcel goes to the new address.")),
    _N.LABEL_BOUGHT: (_("Label ready"), _("Postage is bought, and the parcel is being packed.")),
    _N.SHIPPED: (_("On its way"), _("The carrier has your parcel.")),
    _N.DELIVERED: (_("Delivered"), _("The carrier says the parcel has arrived.")),
    _N.OFFERED: (
        _("Keys came free"),
        _("They are held for you for a while. Say if you still want them."),
    ),
    _N.RECEIVED: (_("Confirmed by you"), _("You told us that the keys are there.")),
    _N.PROBLEM: (_("You reported a problem"), _("A person looks into it.")),
    _N.RETURNED: (_("Coming back"), _("The parcel could not be delivered and is on its way back to us.")),
    _N.CORRECTED: (_("On its way again"), _("The carrier corrected what it told us before.")),
}
_BAD = {_N.REJECTED, _N.RETURNED, _N.EXPIRED, _N.HELD, _N.RECALLED}


def claim_timeline(events: Iterable[ClaimEvent]) -> list[TimelineEntry]:
    """The timeline, in the order things happened; what the carrier merely repeated is left out."""
    return [_step(event) for event in events if event.name in _TOLD]


def _step(event: ClaimEvent) -> TimelineEntry:
    title, text = _TOLD[ClaimEvent.Name(event.name)]
    if event.name == _N.LABEL_BOUGHT and event.data.get("is_return"):
        title, text = _("Return label ready"), _("Postage for sending the keys back to us is paid.")
    if event.name == _N.RETURNED and event.data.get("is_asked_for"):
        title, text = _("You sent it back"), _("The carrier has the parcel that you returned.")
    # An empty text stays empty: translated, it would be the head of the catalogue.
    told = event.data.get("note", "") if event.name == _N.REJECTED else text and gettext(text)
    return TimelineEntry(at=event.at, title=gettext(title), text=told, is_good=event.name not in _BAD)


_NEXT = {
    ClaimState.WAITLISTED: _(
        "As soon as a key comes free, it goes to the first in line. You get a mail; there is nothing to do."
    ),
    ClaimState.IN_REVIEW: _(
        "A person decides, usually within three working days. You get a mail either way."
    ),
    ClaimState.AWAITING_PAYMENT: _(
        "Pay below, and we pack the parcel. Unpaid, the keys go to somebody else."
    ),
    ClaimState.ACCEPTED: _(
        "We pack the parcel and hand it to the carrier, usually within three working days. "
        "You get a mail then."
    ),
    ClaimState.DELIVERED: _(
        "Add the first key to your account, then the second as a backup, and keep the backup somewhere safe."
    ),
    ClaimState.RETURNED: _("We find out what went wrong and write to you. There is nothing to do for now."),
    ClaimState.CANCELLED: _(
        "Nothing more happens here. You can make a new claim while the programme is open."
    ),
    ClaimState.REJECTED: _("If you think this is wrong, answer the mail we sent you; it reaches a person."),
    ClaimState.EXPIRED: _("This claim ran out. You can make a new one while the programme is open."),
}
_BEING_PACKED = _(
    "The parcel is being packed. You get a mail with the tracking code when the carrier has it."
)
# Where no region says how long it takes.
_USUAL_DAYS = 15


def next_step_text(claim: Claim, *, promised_days: int | None) -> str:
    """One or two sentences for the claimant."""
    if claim.state == ClaimState.SHIPPED:
        days = promised_days or _USUAL_DAYS
        return ngettext(
            "The parcel is with the carrier. Delivery can take up to {days} day from hand-over.",
            "The parcel is with the carrier. Delivery can take up to {days} days from hand-over.",
            days,
        ).format(days=days)
    if claim.state == ClaimState.ACCEPTED and claim.label_started_at is not None:
        return gettext(_BEING_PACKED)
    return gettext(_NEXT[ClaimState(claim.state)])


def is_success(claim: Claim) -> bool | None:
    """True once the keys are there, False when they will not come, None while it is under way."""
    if claim.state == ClaimState.DELIVERED:
        return True
    return False if claim.state in (ClaimState.REJECTED, ClaimState.RETURNED, ClaimState.EXPIRED) else None
