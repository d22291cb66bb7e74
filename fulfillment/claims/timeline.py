"""Timeline of a claim in plain language: its events, and what happens next."""

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


_TEXTS = {
    _N.ACCEPTED: (_("Confirmed"), _("Your keys are reserved for you.")),
    _N.WAITLISTED: (
        _("On the waitlist"),
        _("All keys are reserved at the moment. You have a place on the waitlist."),
    ),
    _N.IN_REVIEW: (_("In review"), _("A member of staff reviews this claim before it continues.")),
    _N.AWAITING_PAYMENT: (_("Awaiting payment"), _("Your keys are held for you until you pay.")),
    _N.PAID: (_("Paid"), _("We received your payment and reserved your keys.")),
    _N.EXPIRED: (_("Expired"), _("The keys went to the next person on the waitlist. You were not charged.")),
    _N.HELD: (_("On hold"), _("The payment is disputed. We send nothing until that is settled.")),
    _N.HELD_NO_MORE: (
        _("Hold removed"),
        _("The dispute is settled and the claim continues."),
    ),
    _N.APPROVED: (_("Approved"), _("A member of staff reviewed your claim and approved it.")),
    _N.REJECTED: (_("Not approved"), ""),
    _N.CANCELLED: (_("Cancelled"), _("The keys go to someone else, and your address has been destroyed.")),
    _N.RECALLED: (
        _("Back on the waitlist"),
        _("The manufacturer recalled your keys before we sent them. You are next in line for others."),
    ),
    _N.ADDRESS_CHANGED: (_("Address changed"), _("The parcel will go to the new address.")),
    _N.LABEL_BOUGHT: (_("Label ready"), _("We bought the postage and are packing the parcel.")),
    _N.SHIPPED: (_("On its way"), _("The carrier has your parcel.")),
    _N.DELIVERED: (_("Delivered"), _("The carrier reports that the parcel has arrived.")),
    _N.OFFERED: (
        _("Keys available"),
        _("They are held for you for a limited time. Tell us whether you still want them."),
    ),
    _N.RECEIVED: (_("Confirmed by you"), _("You told us that the keys have arrived.")),
    _N.PROBLEM: (_("You reported a problem"), _("We are looking into it.")),
    _N.RETURNED: (_("Coming back"), _("The parcel could not be delivered and is on its way back to us.")),
    _N.CORRECTED: (_("On its way again"), _("The carrier corrected its earlier report.")),
}
_BAD = {_N.REJECTED, _N.RETURNED, _N.EXPIRED, _N.HELD, _N.RECALLED}


def claim_timeline(events: Iterable[ClaimEvent]) -> list[TimelineEntry]:
    """The timeline in the order of its events, without the carrier's repeated reports."""
    return [_step(event) for event in events if event.name in _TEXTS]


def _step(event: ClaimEvent) -> TimelineEntry:
    title, text = _TEXTS[ClaimEvent.Name(event.name)]
    if event.name == _N.LABEL_BOUGHT and event.data.get("is_return"):
        title, text = _("Return label ready"), _("We have paid the postage for returning the keys.")
    if event.name == _N.RETURNED and event.data.get("is_asked_for"):
        title, text = _("Returned by you"), _("The carrier has the parcel that you returned.")
    # An empty text stays empty: gettext would translate it to the header of the catalog.
    text = event.data.get("note", "") if event.name == _N.REJECTED else text and gettext(text)
    return TimelineEntry(at=event.at, title=gettext(title), text=text, is_good=event.name not in _BAD)


_NEXT = {
    ClaimState.WAITLISTED: _(
        "As soon as a key is available, it goes to the first person on the waitlist. We will email you. "
        "You do not need to do anything."
    ),
    ClaimState.IN_REVIEW: _(
        "A member of staff decides, usually within three working days. We will email you the decision."
    ),
    ClaimState.AWAITING_PAYMENT: _(
        "Pay below, and we will pack the parcel. If you do not pay in time, the keys go to someone else."
    ),
    ClaimState.ACCEPTED: _(
        "We pack the parcel and hand it to the carrier, usually within three working days. "
        "We will email you then."
    ),
    ClaimState.DELIVERED: _(
        "Add the first key to your account and the second as a backup. Keep the backup somewhere safe."
    ),
    ClaimState.RETURNED: _(
        "We will find out what went wrong and email you. You do not need to do anything for now."
    ),
    ClaimState.CANCELLED: _("This claim is closed. You can make a new claim while the programme is open."),
    ClaimState.REJECTED: _(
        "If you think this is wrong, reply to the email we sent you. A person reads every reply."
    ),
    ClaimState.EXPIRED: _("This claim has expired. You can make a new claim while the programme is open."),
}
_BEING_PACKED = _("We are packing the parcel. We will email you the tracking code when the carrier has it.")
# Used where no region row promises a delivery time.
_USUAL_DAYS = 15


def next_step_text(claim: Claim, *, promised_days: int | None) -> str:
    """One or two sentences for the claimant about what happens next."""
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
    """True once the keys have arrived, False when they will not, None while the claim is open."""
    if claim.state == ClaimState.DELIVERED:
        return True
    return False if claim.state in (ClaimState.REJECTED, ClaimState.RETURNED, ClaimState.EXPIRED) else None
