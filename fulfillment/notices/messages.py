"""Every mail's words, one function a mail: said once, for the text and the HTML part alike.

A letter is written in the language that is active, from the notice's context. What a context holds is what
the function reads from it: `quantity`, `place`, `problem` and so on; times as ISO 8601, money as
`{"amount": minor units, "currency"}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import get_language, gettext, ngettext

from fulfillment.notices.models import Notice

T = Notice.Template
# More projects than these are only counted.
NAMED_PROJECTS = 3


@dataclass(frozen=True)
class Letter:
    """What a mail says between greeting and signature.

    `steps` are a numbered list after the paragraphs; `highlight` stands on a line of its own, such as a code;
    `action` leads to the link. A letter without an action has no link.
    """

    subject: str
    paragraphs: tuple[str, ...]
    action: str = ""
    steps: tuple[str, ...] = ()
    highlight: str = ""

    def as_text(self) -> str:
        """What is kept of it: no greeting, no link, no phrase, and nothing highlighted."""
        numbered = tuple(f"{number}. {step}" for number, step in enumerate(self.steps, start=1))
        return "\n\n".join((*self.paragraphs, *numbered))


Context = Mapping[str, Any]


def write_message(template: str, context: Context) -> Letter:
    """The letter of a notice, in the active language.

    Args: context: the notice's own, with `username`, `claim_code` and `host` added.
    """
    return LETTERS[T(template)](context)


def _invitation(context: Context) -> Letter:
    """Reads projects, quantity, sponsor, closes_at."""
    return Letter(
        subject=gettext("Free security keys for you, as a maintainer of {project}").format(
            project=context["projects"][0]
        ),
        paragraphs=(
            ngettext(
                "{projects} is among the critical projects of the package index, and you maintain it. "
                "{sponsor} "
                "gives every such maintainer hardware security keys, free of charge.",
                "{projects} are among the critical projects of the package index, and you maintain them. "
                "{sponsor} gives every such maintainer hardware security keys, free of charge.",
                len(context["projects"]),
            ).format(projects=_projects(context), sponsor=context["sponsor"]),
            _number_of_keys(context),
            gettext(
                "It is a gift and nothing more: it brings no duties, changes nothing about your projects, "
                "and nobody else can see whether you take it. No payment card is needed."
            ),
            gettext(
                "You need not trust this mail. Type {host} into your browser yourself and sign in there: you "
                "see the same invitation, why you were invited, and what we hold about you. The programme is "
                "open until {until}."
            ).format(host=context["host"], until=_day(context["closes_at"])),
        ),
        action=gettext("See whether you can claim, and claim:"),
    )


def _reminder(context: Context) -> Letter:
    """Reads projects, closes_at."""
    return Letter(
        subject=gettext("Your security keys are still there until {until}").format(
            until=_day(context["closes_at"])
        ),
        paragraphs=(
            gettext(
                "We invited you to claim free hardware security keys, as a maintainer of {projects}. The "
                "programme closes on {until}."
            ).format(projects=_projects(context), until=_day(context["closes_at"])),
            gettext("This is the only reminder. If you do not want the keys, you need not do anything."),
        ),
        action=gettext("Claim in about two minutes:"),
    )


def _now_eligible(context: Context) -> Letter:
    """Reads sponsor, closes_at."""
    return Letter(
        subject=gettext("The rules have changed: you can now claim security keys"),
        paragraphs=(
            gettext(
                "When we last looked, the rules of this programme did not admit your account. They have been "
                "changed since, and now they do: {sponsor} has hardware security keys for you, free of "
                "charge."
            ).format(sponsor=context["sponsor"]),
            gettext("The programme is open until {until}.").format(until=_day(context["closes_at"])),
        ),
        action=gettext("See why, and claim:"),
    )


def _appeal_answered(context: Context) -> Letter:
    """Reads granted, answer."""
    answer = gettext("The answer: {answer}").format(answer=context["answer"])
    if context["granted"]:
        return Letter(
            subject=gettext("We looked again: you can now claim security keys"),
            paragraphs=(
                gettext(
                    "You asked us to take another look at a rule that did not let you claim. Two of us did, "
                    "and set it aside for you."
                ),
                answer,
            ),
            action=gettext("See whether anything else is needed, and claim:"),
        )
    return Letter(
        subject=gettext("We looked again, and the answer is no"),
        paragraphs=(
            gettext(
                "You asked us to take another look at a rule that did not let you claim. A person did, and "
                "it stays as it is."
            ),
            answer,
            gettext("If we missed something, answer this mail; a person reads it."),
        ),
        action=gettext("Every rule, why it decides as it does, and what would change it:"),
    )


def _code(context: Context) -> Letter:
    """Reads code, which is in no stored context."""
    return Letter(
        subject=gettext("Your sign-in code for Keydesk"),
        paragraphs=(
            gettext(
                "Here is your sign-in code. Enter it in the window you asked for it in; it is good for ten "
                "minutes and for one sign-in."
            ),
            gettext(
                "If you did not ask for it, somebody typed your address by mistake. You need not do "
                "anything: without this code nobody gets in."
            ),
        ),
        highlight=context["code"],
    )


def _confirmed(context: Context) -> Letter:
    """Reads quantity, and later where keys follow in another parcel."""
    confirmed = ngettext(
        "Your claim {claim_code} is confirmed: {quantity} security key is reserved for you.",
        "Your claim {claim_code} is confirmed: {quantity} security keys are reserved for you.",
        context["quantity"],
    ).format(claim_code=context["claim_code"], quantity=context["quantity"])
    later = context.get("later", 0)
    follows = ngettext(
        "{quantity} more is not in stock at the moment. It follows in a parcel of its own as soon as it is; "
        "you need not do anything.",
        "{quantity} more are not in stock at the moment. They follow in a parcel of their own as soon as "
        "they are; you need not do anything.",
        later,
    ).format(quantity=later)
    return Letter(
        subject=_about(gettext("Your security keys are reserved ({claim_code})"), context),
        paragraphs=(confirmed, *((follows,) if later else ()), _what_happens_next()),
        action=gettext("Until the label is bought you can still change the address or cancel:"),
    )


def _promoted(context: Context) -> Letter:
    """Reads quantity, until; an empty until is no time limit."""
    values = {"claim_code": context["claim_code"], "quantity": context["quantity"]}
    subject = _about(gettext("Keys came free: they are held for you ({claim_code})"), context)
    if not context["until"]:
        reserved = ngettext(
            "You were first in line: {quantity} security key is now reserved for your claim {claim_code}.",
            "You were first in line: {quantity} security keys are now reserved for your claim {claim_code}.",
            context["quantity"],
        )
        action = gettext("Until the label is bought you can still change the address or cancel:")
        return Letter(subject, (reserved.format(**values), _what_happens_next()), action)
    held = ngettext(
        "You are first in line: {quantity} security key is held for your claim {claim_code} until {until}.",
        "You are first in line: {quantity} security keys are held for your claim {claim_code} until {until}.",
        context["quantity"],
    ).format(**values, until=_moment(context["until"]))
    limit = gettext(
        "Please say by then whether you still want them. If we hear nothing, they go to the next in line."
    )
    return Letter(subject, (held, limit), gettext("Say yes or no here:"))


def _expired(context: Context) -> Letter:
    return Letter(
        subject=_about(gettext("Your claim has expired ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "The time for your claim {claim_code} is over, so the keys went to the next in line, and "
                    "your address has been destroyed."
                ),
                context,
            ),
        ),
        action=gettext("You may claim again while the programme is open. What happened is here:"),
    )


def _recalled(context: Context) -> Letter:
    """Reads place."""
    return Letter(
        subject=_about(gettext("The keys we had for you were recalled ({claim_code})"), context),
        paragraphs=(
            gettext(
                "The maker recalled the keys that were reserved for your claim {claim_code}, before they "
                "left us. You are in line for others, ahead of those who came later: number {place}."
            ).format(claim_code=context["claim_code"], place=context["place"]),
            gettext("You need not do anything; you get a mail when others are reserved for you."),
        ),
        action=gettext("The current state is here:"),
    )


def _replacement(context: Context) -> Letter:
    """Reads quantity."""
    quantity = context["quantity"]
    return Letter(
        subject=_about(gettext("You get another key ({claim_code})"), context),
        paragraphs=(
            ngettext(
                "{quantity} key we sent you has to be replaced. We send you another to the address of your "
                "first claim; you need do nothing, and it costs nothing.",
                "{quantity} keys we sent you have to be replaced. We send you others to the address of your "
                "first claim; you need do nothing, and it costs nothing.",
                quantity,
            ).format(quantity=quantity),
            gettext(
                "As soon as the new one is set up, remove the old one from your account and do not use it "
                "any more."
            ),
        ),
        action=gettext("The new claim, where you can still change the address, is here:"),
    )


def _ask_address(context: Context) -> Letter:
    """Reads quantity."""
    quantity = context["quantity"]
    return Letter(
        subject=_about(gettext("We need your address to send you another key ({claim_code})"), context),
        paragraphs=(
            ngettext(
                "{quantity} key we sent you has to be replaced. Your address has been destroyed since, as "
                "promised, so we do not know where to send another.",
                "{quantity} keys we sent you have to be replaced. Your address has been destroyed since, as "
                "promised, so we do not know where to send others.",
                quantity,
            ).format(quantity=quantity),
            gettext("Please do not use the old one any more."),
        ),
        action=gettext("Write to us from the page of your claim, and we send another:"),
    )


def _waitlisted(context: Context) -> Letter:
    """Reads place."""
    return Letter(
        subject=_about(gettext("You are on the waitlist for security keys ({claim_code})"), context),
        paragraphs=(
            gettext(
                "All keys are promised at the moment, so your claim {claim_code} is on the waitlist. Your "
                "place in line is {place}."
            ).format(claim_code=context["claim_code"], place=context["place"]),
            gettext(
                "You need not do anything. When keys come free they go to the first in line, and we write "
                "to you."
            ),
        ),
        action=gettext("You can leave the waitlist at any time:"),
    )


def _in_review(context: Context) -> Letter:
    return Letter(
        subject=_about(gettext("A person is looking at your claim ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "Your claim {claim_code} needs a look by a person before we can send keys. This usually "
                    "takes up to three working days."
                ),
                context,
            ),
            gettext("You need not do anything; we write to you either way."),
        ),
        action=gettext("The reasons are on your claim's page:"),
    )


def _rejected(context: Context) -> Letter:
    """Reads note."""
    return Letter(
        subject=_about(gettext("Your claim was not approved ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We looked at your claim {claim_code} and could not approve it. The reason given: {note}"
            ).format(claim_code=context["claim_code"], note=context["note"]),
            gettext("If you think this is wrong, answer this mail; a person reads it."),
        ),
        action=gettext("The full decision is here:"),
    )


def _cancelled(context: Context) -> Letter:
    return Letter(
        subject=_about(gettext("Your claim is cancelled ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "Your claim {claim_code} is cancelled and nothing will be sent. The address we held for "
                    "it has been destroyed."
                ),
                context,
            ),
        ),
        action=gettext("If this was a mistake you can claim again while the programme is open:"),
    )


def _shipped(context: Context) -> Letter:
    """Reads carrier, tracking_code."""
    return Letter(
        subject=_about(gettext("Your security keys are on their way ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier {carrier} has your parcel. Its tracking code is {tracking_code}.").format(
                carrier=context["carrier"], tracking_code=context["tracking_code"]
            ),
            gettext("No money is due on delivery. If somebody asks for any, do not pay, and tell us."),
        ),
        action=gettext("Follow it here:"),
    )


def _delivered(context: Context) -> Letter:
    return Letter(
        subject=_about(gettext("Your security keys have arrived ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier says that your parcel was delivered. This is how you put the keys to use:"),
        ),
        steps=(
            gettext(
                "Look at the parcel. If it or the seal inside was opened, do not use the keys, and tell us "
                "on your claim's page."
            ),
            gettext(
                "Sign in to the package index, open Account settings, Two-factor authentication, and add the "
                "first key as a security device."
            ),
            gettext("Add the second key in the same way: without it, losing the first locks you out."),
            gettext(
                "Print the recovery codes the index gives you, and keep them with the second key at home."
            ),
        ),
        action=gettext("Say that the keys have arrived, or what is wrong with them:"),
    )


def _problem(context: Context) -> Letter:
    """Reads problem, which is one of the shipping room's sentences."""
    problem = context["problem"]
    return Letter(
        subject=_about(gettext("There is a problem with your parcel ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier reports a problem with your parcel: {problem}.").format(
                problem=gettext(problem)
            ),
            gettext("We are looking into it and will write to you."),
        ),
        action=gettext("The current state is here:"),
    )


def _return_label(context: Context) -> Letter:
    """Reads carrier, until."""
    return Letter(
        subject=_about(gettext("A label for sending your keys back ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We would like to have the keys of your parcel back, and have paid the postage. You pay "
                "nothing."
            ),
        ),
        steps=(
            gettext("Sign in and print the label from your claim's page. It is not in this mail on purpose."),
            gettext(
                "Put the keys into an envelope or box, with the printed strip, and stick the label on the "
                "outside."
            ),
            gettext(
                "Hand it to the carrier, {carrier}, until {until}. Later the label is not good any more."
            ).format(carrier=context["carrier"], until=_day(context["until"])),
        ),
        action=gettext("Print it here:"),
    )


def _payment_due(context: Context) -> Letter:
    """Reads total, until."""
    return Letter(
        subject=_about(gettext("Your security keys are held for you ({claim_code})"), context),
        paragraphs=(
            gettext(
                "The keys of your claim {claim_code} are held for you until {until}. What you asked for "
                "costs {total}; once that is paid, we pack the parcel."
            ).format(
                claim_code=context["claim_code"],
                until=_moment(context["until"]),
                total=_money(context["total"]),
            ),
            gettext("You pay on our site, after signing in, and nowhere else."),
        ),
        action=gettext("Your claim is here:"),
    )


def _payment_received(context: Context) -> Letter:
    """Reads total."""
    return Letter(
        subject=_about(gettext("Your payment has arrived ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We have received {total} for your claim {claim_code}, and your security keys are reserved "
                "for you."
            ).format(claim_code=context["claim_code"], total=_money(context["total"])),
            _what_happens_next(),
            gettext("Until the label is bought you can still cancel, and get your money back."),
        ),
        action=gettext("The receipt is on this page:"),
    )


def _payment_lapsed(context: Context) -> Letter:
    """Reads money_may_come."""
    if context.get("money_may_come"):
        told = gettext(
            "The payment for your claim {claim_code} has not reached us in time, so the keys went to the "
            "next in line. If it still arrives, you get the keys if there are any left, or else your money "
            "back, without asking."
        )
    else:
        told = gettext(
            "Your claim {claim_code} was not paid in time, so the keys went to the next in line. You were "
            "not charged, and your address has been destroyed."
        )
    return Letter(
        subject=_about(gettext("Your claim ran out ({claim_code})"), context),
        paragraphs=(_about(told, context),),
        action=gettext("While the programme is open, you can make a new claim:"),
    )


def _refunded(context: Context) -> Letter:
    """Reads amount, why."""
    why = context["why"]
    return Letter(
        subject=_about(gettext("Your money is on its way back ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We have sent {amount} back to the card or account that paid for your claim {claim_code}: "
                "{why}."
            ).format(
                claim_code=context["claim_code"],
                amount=_money(context["amount"]),
                why=gettext(why),
            ),
            gettext("Banks take up to ten working days to show it."),
        ),
        action=gettext("The receipt is on this page:"),
    )


LETTERS: Mapping[Notice.Template, Callable[[Context], Letter]] = {
    T.INVITATION: _invitation,
    T.REMINDER: _reminder,
    T.NOW_ELIGIBLE: _now_eligible,
    T.APPEAL_ANSWERED: _appeal_answered,
    T.CODE: _code,
    T.CONFIRMED: _confirmed,
    T.WAITLISTED: _waitlisted,
    T.IN_REVIEW: _in_review,
    T.PROMOTED: _promoted,
    T.REJECTED: _rejected,
    T.CANCELLED: _cancelled,
    T.EXPIRED: _expired,
    T.RECALLED: _recalled,
    T.REPLACEMENT: _replacement,
    T.ASK_ADDRESS: _ask_address,
    T.SHIPPED: _shipped,
    T.DELIVERED: _delivered,
    T.PROBLEM: _problem,
    T.RETURN_LABEL: _return_label,
    T.PAYMENT_DUE: _payment_due,
    T.PAYMENT_RECEIVED: _payment_received,
    T.PAYMENT_LAPSED: _payment_lapsed,
    T.REFUNDED: _refunded,
}


def _about(sentence: str, context: Context) -> str:
    return sentence.format(claim_code=context["claim_code"])


def _number_of_keys(context: Context) -> str:
    quantity = context["quantity"]
    return ngettext(
        "You can have {quantity} key.",
        "You can have {quantity} keys, one to use and one to keep safe.",
        quantity,
    ).format(quantity=quantity)


def _what_happens_next() -> str:
    return gettext(
        "What happens next: we pack the parcel and hand it to the carrier, usually within three working "
        "days. You get a mail with the tracking code then."
    )


def _projects(context: Context) -> str:
    """`a, b, c and 4 more`, as the language joins them."""
    named = list(context["projects"])
    shown, others = named[:NAMED_PROJECTS], len(named) - NAMED_PROJECTS
    if others > 0:
        shown.append(ngettext("{number} more", "{number} more", others).format(number=others))
    return format_list(shown, locale=_dated())


def _day(moment: str) -> str:
    return format_date(datetime.fromisoformat(moment), format="long", locale=_dated())


def _moment(moment: str) -> str:
    """A time with its zone, for deadlines."""
    at = datetime.fromisoformat(moment)
    if _locale() == "en":
        return format_datetime(at, format="d MMMM y, H:mm z", tzinfo=ZoneInfo("UTC"), locale=_dated())
    return format_datetime(at, format="long", tzinfo=ZoneInfo("UTC"), locale=_dated())


def _money(money: Mapping[str, Any]) -> str:
    amount = Decimal(money["amount"]).scaleb(-get_currency_precision(money["currency"]))
    return format_currency(amount, money["currency"], locale=_locale())


def _dated() -> str:
    """Our English puts the day before the month, and no comma before the last of a list."""
    return "en_GB" if _locale() == "en" else _locale()


def _locale() -> str:
    return (get_language() or "en").replace("-", "_")
