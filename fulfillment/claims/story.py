"""A claim told in plain words: what happened, and what comes next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState

_N = ClaimEvent.Name


@dataclass(frozen=True)
class Step:
    """One line of the timeline."""

    at: datetime
    title: str
    text: str = ""
    is_good: bool = True


_TOLD = {
    _N.ACCEPTED: ("Confirmed", "Your keys are reserved for you."),
    _N.WAITLISTED: ("On the waitlist", "All keys are claimed at the moment; you have a place in line."),
    _N.IN_REVIEW: ("In review", "A person looks at this claim before it goes on."),
    _N.AWAITING_PAYMENT: ("To be paid", "Your keys are held for you until it is."),
    _N.PAID: ("Paid", "Your payment arrived, and your keys are reserved."),
    _N.EXPIRED: ("Time ran out", "The keys went to the next in line. Nothing was charged."),
    _N.HELD: ("Held back", "The payment is disputed, so nothing is sent until that is settled."),
    _N.HELD_NO_MORE: ("Going on", "The dispute is settled in your favour or ours, and the claim goes on."),
    _N.APPROVED: ("Approved", "A person has looked at your claim and approved it."),
    _N.REJECTED: ("Not approved", ""),
    _N.CANCELLED: ("Cancelled", "The keys go to somebody else, and your address has been destroyed."),
    _N.RECALLED: (
        "Back in line",
        "The maker recalled the keys we had for you. You are first in line for others.",
    ),
    _N.ADDRESS_CHANGED: ("Address changed", "The parcel goes to the new address."),
    _N.LABEL_BOUGHT: ("Label ready", "Postage is bought, and the parcel is being packed."),
    _N.SHIPPED: ("On its way", "The carrier has your parcel."),
    _N.DELIVERED: ("Delivered", "The carrier says the parcel has arrived."),
    _N.OFFERED: ("Keys came free", "They are held for you for a while. Say whether you still want them."),
    _N.RECEIVED: ("Confirmed by you", "You told us that the keys are there."),
    _N.PROBLEM: ("You reported a problem", "A person looks into it."),
    _N.RETURNED: ("Coming back", "The parcel could not be delivered and is on its way back to us."),
    _N.CORRECTED: ("On its way again", "The carrier corrected what it told us before."),
}
_BAD = {_N.REJECTED, _N.RETURNED, _N.EXPIRED, _N.HELD, _N.RECALLED}


def told(events: Iterable[ClaimEvent]) -> list[Step]:
    """The timeline, in the order things happened; what the carrier merely repeated is left out."""
    return [_step(event) for event in events if event.name in _TOLD]


def _step(event: ClaimEvent) -> Step:
    title, text = _TOLD[ClaimEvent.Name(event.name)]
    if event.name == _N.REJECTED:
        text = event.data.get("note", "")
    return Step(at=event.at, title=title, text=text, is_good=event.name not in _BAD)


_NEXT = {
    ClaimState.WAITLISTED: (
        "As soon as a key comes free, it goes to the first in line. You get a mail; there is nothing to do."
    ),
    ClaimState.IN_REVIEW: "A person decides, usually within three working days. You get a mail either way.",
    ClaimState.AWAITING_PAYMENT: "Pay below, and we pack the parcel. Unpaid, the keys go to somebody else.",
    ClaimState.SHIPPED: "The parcel is with the carrier. Delivery can take up to {days} days from hand-over.",
    ClaimState.DELIVERED: (
        "Add the first key to your account, then the second as a backup, and keep the backup somewhere safe."
    ),
    ClaimState.RETURNED: "We find out what went wrong and write to you. There is nothing to do for now.",
    ClaimState.CANCELLED: "Nothing more happens here. You can make a new claim while the programme is open.",
    ClaimState.REJECTED: "If you think this is wrong, answer the mail we sent you; it reaches a person.",
    ClaimState.EXPIRED: "This claim ran out. You can make a new one while the programme is open.",
}


def what_comes_next(claim: Claim, *, promised_days: int | None) -> str:
    """One or two sentences for the claimant."""
    if claim.state == ClaimState.ACCEPTED:
        if claim.label_started_at is not None:
            return (
                "The parcel is being packed. You get a mail with the tracking code when the carrier has it."
            )
        return (
            "We pack the parcel and hand it to the carrier, usually within three working days. "
            "You get a mail then."
        )
    return _NEXT.get(ClaimState(claim.state), "").format(days=promised_days or 15)


def has_gone_well(claim: Claim) -> bool | None:
    """True once the keys are there, False when they will not come, None while it is under way."""
    if claim.state == ClaimState.DELIVERED:
        return True
    return False if claim.state in (ClaimState.REJECTED, ClaimState.RETURNED, ClaimState.EXPIRED) else None
