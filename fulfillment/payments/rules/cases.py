"""What can be done about a case about money, and how one can end."""

from collections.abc import Mapping

from common.choices import Choices
from fulfillment.payments.rules.states import PaymentCaseReason


class MoneyAction(Choices):
    """What a person can do about a case about money."""

    TAKE = "take", "take it on"
    NOTE = "note", "write down what was found out"
    LOOK = "look", "ask the vendor again"
    SEND_AGAIN = "send_again", "send the refund again"
    PAID_OTHERWISE = "paid_otherwise", "write down that it was paid back another way"
    ANSWERED = "answered", "write down that the evidence was sent"
    CLOSE = "close", "close it"


class MoneyOutcome(Choices):
    """How a person can end a case about money."""

    SENT_AGAIN = "sent_again", "the refund was sent again"
    PAID_OTHERWISE = "paid_otherwise", "paid back another way"
    REFUNDED_BY_HAND = "refunded_by_hand", "refunded on the vendor's pages"
    MENDED = "mended", "what was wrong is mended"
    NOT_ANSWERED = "not_answered", "the dispute is left to the payer"
    NO_FAULT = "no_fault", "nothing was wrong"


_A, _R = MoneyAction, PaymentCaseReason
_ALWAYS = (_A.TAKE, _A.NOTE, _A.LOOK, _A.CLOSE)
_OF_A_REFUND = (_A.SEND_AGAIN, _A.PAID_OTHERWISE)
_PLAYBOOK: Mapping[PaymentCaseReason, tuple[MoneyAction, ...]] = {
    _R.REFUND_FAILED: _OF_A_REFUND,
    _R.REFUND_REFUSED: _OF_A_REFUND,
    _R.DISPUTE: (_A.ANSWERED,),
}
# These send money, or say that it was sent; not everybody who works cases may.
MOVING_MONEY = frozenset(_OF_A_REFUND)


def payment_playbook(reason: PaymentCaseReason) -> tuple[MoneyAction, ...]:
    """What is offered about a case of this reason, the likeliest first."""
    return (*_PLAYBOOK.get(reason, ()), *_ALWAYS)


# What to do about it, in a sentence for who opens the case.
ADVICE: Mapping[PaymentCaseReason, str] = {
    _R.MISMATCH: "The money goes back by itself. Find out how it came to differ; nobody is served for it.",
    _R.REFUND_FAILED: "The payer's bank sent the refund back: a closed card, most often. Ask them how they "
    "want it, or send it again.",
    _R.REFUND_REFUSED: "The vendor will not send it. Its code is below; send it again when that is mended.",
    _R.DISPUTE: "Answer it on the vendor's pages with the evidence below, before it is due. What is still "
    "here stays here until it is decided.",
    _R.CHECKOUT_REFUSED: "The vendor takes no payment for this claim. Its code is below; the claimant can "
    "try again.",
    _R.WRONG_MODE: "Test and live money are mixed up. Stop taking payments and look at the keys.",
    _R.UNKNOWN_MONEY: "Nobody here asked for this money. Refund it on the vendor's pages, or find its claim.",
}
