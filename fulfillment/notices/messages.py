"""The text of every email, one function per template, written once for the plain text and the HTML part.

A message is written in the active language. The docstring of each function names the values it reads from
the context.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import get_language, gettext, ngettext

from fulfillment.notices.contexts import AmountContext, MessageContext
from fulfillment.notices.models import Notice

T = Notice.Template
# Any further projects are only counted.
NAMED_PROJECTS = 3


@dataclass(frozen=True)
class Message:
    """The part of an email between greeting and signature.

    `steps` are a numbered list after the paragraphs; `highlight` is on a line of its own, such as a code;
    `action` leads to the link. A message without an action has no link.
    """

    subject: str
    paragraphs: tuple[str, ...]
    action: str = ""
    steps: tuple[str, ...] = ()
    highlight: str = ""

    def as_text(self) -> str:
        """The copy that is kept: without greeting, link, phrase and highlight."""
        numbered = tuple(f"{number}. {step}" for number, step in enumerate(self.steps, start=1))
        return "\n\n".join((*self.paragraphs, *numbered))


def write_message(template: str, context: MessageContext) -> Message:
    """The message of a notice, in the active language."""
    return MESSAGES[T(template)](context)


def _invitation(context: MessageContext) -> Message:
    """Reads projects, quantity, sponsor, closes_at."""
    return Message(
        subject=gettext("Free security keys for you, as a maintainer of {project}").format(
            project=context["projects"][0]
        ),
        paragraphs=(
            ngettext(
                "You maintain {projects}, which is a critical project on the package index. {sponsor} is "
                "giving hardware security keys to every maintainer of a critical project, free of charge.",
                "You maintain {projects}, which are critical projects on the package index. {sponsor} is "
                "giving hardware security keys to every maintainer of a critical project, free of charge.",
                len(context["projects"]),
            ).format(projects=_projects(context), sponsor=context["sponsor"]),
            _number_of_keys(context),
            gettext(
                "The keys are a gift. You take on no obligations, nothing changes about your projects, and "
                "nobody else can see whether you accept. You do not need a payment card."
            ),
            gettext(
                "You do not have to trust this email. Type {host} into your browser and sign in there: you "
                "will see the same invitation, why you were invited, and what data we hold about you. The "
                "programme is open until {until}."
            ).format(host=context["host"], until=_day(context["closes_at"])),
        ),
        action=gettext("Check whether you can claim, and claim your keys:"),
    )


def _reminder(context: MessageContext) -> Message:
    """Reads projects, closes_at."""
    return Message(
        subject=gettext("Your free security keys are available until {until}").format(
            until=_day(context["closes_at"])
        ),
        paragraphs=(
            gettext(
                "We invited you to claim free hardware security keys, as a maintainer of {projects}. The "
                "programme closes on {until}."
            ).format(projects=_projects(context), until=_day(context["closes_at"])),
            gettext(
                "This is the only reminder we will send. If you do not want the keys, you do not need to do "
                "anything."
            ),
        ),
        action=gettext("Claiming takes about two minutes:"),
    )


def _now_eligible(context: MessageContext) -> Message:
    """Reads sponsor, closes_at."""
    return Message(
        subject=gettext("The rules have changed: you can now claim security keys"),
        paragraphs=(
            gettext(
                "When we last checked, your account did not qualify for this programme. The rules have "
                "changed since, and now it does: {sponsor} has hardware security keys for you, free of "
                "charge."
            ).format(sponsor=context["sponsor"]),
            gettext("The programme is open until {until}.").format(until=_day(context["closes_at"])),
        ),
        action=gettext("See why, and claim your keys:"),
    )


def _appeal_answered(context: MessageContext) -> Message:
    """Reads granted, answer."""
    answer = gettext("Our answer: {answer}").format(answer=context["answer"])
    if context["granted"]:
        return Message(
            subject=gettext("Your appeal was successful: you can now claim security keys"),
            paragraphs=(
                gettext(
                    "You asked us to look again at a rule that stopped you from claiming. Two of us reviewed "
                    "it and made an exception for you."
                ),
                answer,
            ),
            action=gettext("Check whether anything else is needed, and claim your keys:"),
        )
    return Message(
        subject=gettext("We reviewed your appeal and could not change the decision"),
        paragraphs=(
            gettext(
                "You asked us to look again at a rule that stopped you from claiming. A member of staff "
                "reviewed it, and the decision stays the same."
            ),
            answer,
            gettext("If we missed something, reply to this email. A person reads every reply."),
        ),
        action=gettext("See every rule, its result and what would change it:"),
    )


def _code(context: MessageContext) -> Message:
    """Reads code, which is in no stored context."""
    return Message(
        subject=gettext("Your sign-in code for Keydesk"),
        paragraphs=(
            gettext(
                "Here is your sign-in code. Enter it in the window where you asked for it. It works once, "
                "and expires after ten minutes."
            ),
            gettext(
                "If you did not ask for a code, someone probably typed your address by mistake. You do not "
                "need to do anything: nobody can sign in without this code."
            ),
        ),
        highlight=context["code"],
    )


def _confirmed(context: MessageContext) -> Message:
    """Reads quantity, and later where keys follow in another parcel."""
    confirmed = ngettext(
        "Your claim {claim_code} is confirmed: {quantity} security key is reserved for you.",
        "Your claim {claim_code} is confirmed: {quantity} security keys are reserved for you.",
        context["quantity"],
    ).format(claim_code=context["claim_code"], quantity=context["quantity"])
    later = context.get("later", 0)
    follows = ngettext(
        "{quantity} more key is out of stock at the moment. We will send it in a separate parcel as soon as "
        "it is available. You do not need to do anything.",
        "{quantity} more keys are out of stock at the moment. We will send them in a separate parcel as soon "
        "as they are available. You do not need to do anything.",
        later,
    ).format(quantity=later)
    return Message(
        subject=_about(gettext("Your security keys are reserved ({claim_code})"), context),
        paragraphs=(confirmed, *((follows,) if later else ()), _what_happens_next()),
        action=gettext("Until we buy the postage label, you can still change the address or cancel:"),
    )


def _promoted(context: MessageContext) -> Message:
    """Reads quantity, until; an empty until is no time limit."""
    claim_code, quantity = context["claim_code"], context["quantity"]
    subject = _about(gettext("Security keys are available and held for you ({claim_code})"), context)
    if not context["until"]:
        reserved = ngettext(
            "You were first on the waitlist: {quantity} security key is now reserved for your claim "
            "{claim_code}.",
            "You were first on the waitlist: {quantity} security keys are now reserved for your claim "
            "{claim_code}.",
            quantity,
        )
        action = gettext("Until we buy the postage label, you can still change the address or cancel:")
        confirmed = reserved.format(claim_code=claim_code, quantity=quantity)
        return Message(subject, (confirmed, _what_happens_next()), action)
    held = ngettext(
        "You are first on the waitlist: {quantity} security key is held for your claim {claim_code} until "
        "{until}.",
        "You are first on the waitlist: {quantity} security keys are held for your claim {claim_code} until "
        "{until}.",
        quantity,
    ).format(claim_code=claim_code, quantity=quantity, until=_moment(context["until"]))
    limit = gettext(
        "Please tell us by then whether you still want to claim. If we do not hear from you, we will offer "
        "the keys to the next person on the waitlist."
    )
    return Message(subject, (held, limit), gettext("Accept or decline here:"))


def _expired(context: MessageContext) -> Message:
    return Message(
        subject=_about(gettext("Your claim has expired ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "Your claim {claim_code} has expired. The keys went to the next person on the waitlist, "
                    "and we have destroyed your address."
                ),
                context,
            ),
        ),
        action=gettext("You can claim again while the programme is open. See what happened:"),
    )


def _recalled(context: MessageContext) -> Message:
    """Reads place."""
    return Message(
        subject=_about(gettext("The keys reserved for you were recalled ({claim_code})"), context),
        paragraphs=(
            gettext(
                "The manufacturer recalled the keys that were reserved for your claim {claim_code} before we "
                "sent them. You are on the waitlist for others, ahead of later claims. Your place is {place}."
            ).format(claim_code=context["claim_code"], place=context["place"]),
            gettext(
                "You do not need to do anything. We will email you when other keys are reserved for you."
            ),
        ),
        action=gettext("See the current status:"),
    )


def _replacement(context: MessageContext) -> Message:
    """Reads quantity."""
    quantity = context["quantity"]
    return Message(
        subject=_about(gettext("We are replacing your security key ({claim_code})"), context),
        paragraphs=(
            ngettext(
                "{quantity} key we sent you has to be replaced. We will send a replacement to the address of "
                "your first claim, free of charge. You do not need to do anything.",
                "{quantity} keys we sent you have to be replaced. We will send replacements to the address "
                "of your first claim, free of charge. You do not need to do anything.",
                quantity,
            ).format(quantity=quantity),
            gettext("Once the new key is set up, remove the old one from your account and stop using it."),
        ),
        action=gettext("See the new claim, where you can still change the address:"),
    )


def _ask_address(context: MessageContext) -> Message:
    """Reads quantity."""
    quantity = context["quantity"]
    return Message(
        subject=_about(gettext("We need your address to send you a replacement key ({claim_code})"), context),
        paragraphs=(
            ngettext(
                "{quantity} key we sent you has to be replaced. We have destroyed your address since, as "
                "promised, so we do not know where to send the replacement.",
                "{quantity} keys we sent you have to be replaced. We have destroyed your address since, as "
                "promised, so we do not know where to send the replacements.",
                quantity,
            ).format(quantity=quantity),
            gettext("Please stop using the old key."),
        ),
        action=gettext("Write to us from your claim page, and we will send a replacement:"),
    )


def _waitlisted(context: MessageContext) -> Message:
    """Reads place."""
    return Message(
        subject=_about(gettext("You are on the waitlist for security keys ({claim_code})"), context),
        paragraphs=(
            gettext(
                "All keys are reserved at the moment, so your claim {claim_code} is on the waitlist. Your "
                "place is {place}."
            ).format(claim_code=context["claim_code"], place=context["place"]),
            gettext(
                "You do not need to do anything. When keys become available they go to the first person on "
                "the waitlist, and we will email you when it is your turn."
            ),
        ),
        action=gettext("You can leave the waitlist at any time:"),
    )


def _in_review(context: MessageContext) -> Message:
    return Message(
        subject=_about(gettext("We are reviewing your claim ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "A member of staff needs to review your claim {claim_code} before we can send keys. This "
                    "usually takes up to three working days."
                ),
                context,
            ),
            gettext("You do not need to do anything. We will email you with the decision."),
        ),
        action=gettext("See why your claim needs a review:"),
    )


def _rejected(context: MessageContext) -> Message:
    """Reads note."""
    return Message(
        subject=_about(gettext("Your claim was not approved ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We reviewed your claim {claim_code} and could not approve it. The reason: {note}"
            ).format(claim_code=context["claim_code"], note=context["note"]),
            gettext("If you think this is wrong, reply to this email. A person reads every reply."),
        ),
        action=gettext("See the full decision:"),
    )


def _cancelled(context: MessageContext) -> Message:
    return Message(
        subject=_about(gettext("Your claim is cancelled ({claim_code})"), context),
        paragraphs=(
            _about(
                gettext(
                    "Your claim {claim_code} is cancelled and nothing will be sent. We have destroyed the "
                    "address we held for it."
                ),
                context,
            ),
        ),
        action=gettext("If this was a mistake, you can claim again while the programme is open:"),
    )


def _shipped(context: MessageContext) -> Message:
    """Reads carrier, tracking_code."""
    return Message(
        subject=_about(gettext("Your security keys are on their way ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier {carrier} has your parcel. The tracking code is {tracking_code}.").format(
                carrier=context["carrier"], tracking_code=context["tracking_code"]
            ),
            gettext(
                "You do not have to pay anything on delivery. If anyone asks you for money, do not pay, and "
                "tell us."
            ),
        ),
        action=gettext("Follow your parcel:"),
    )


def _delivered(context: MessageContext) -> Message:
    return Message(
        subject=_about(gettext("Your security keys have arrived ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier reports that your parcel was delivered. To start using your keys:"),
        ),
        steps=(
            gettext(
                "Check the parcel. If the parcel or the seal inside has been opened, do not use the keys, "
                "and tell us on your claim page."
            ),
            gettext(
                "Sign in to the package index, open Account settings, Two-factor authentication, and add the "
                "first key as a security device."
            ),
            gettext("Add the second key in the same way. Without it, losing the first key locks you out."),
            gettext(
                "Print the recovery codes that the index gives you. Keep them at home, with the second key."
            ),
        ),
        action=gettext("Tell us that the keys have arrived, or what is wrong with them:"),
    )


def _problem(context: MessageContext) -> Message:
    """Reads problem, which is one of the carrier problems of `shipments.rules.tracking`."""
    problem = context["problem"]
    return Message(
        subject=_about(gettext("There is a problem with your parcel ({claim_code})"), context),
        paragraphs=(
            gettext("The carrier reports a problem with your parcel: {problem}.").format(
                problem=gettext(problem)
            ),
            gettext("We are looking into it and will email you."),
        ),
        action=gettext("See the current status:"),
    )


def _return_label(context: MessageContext) -> Message:
    """Reads carrier, until."""
    return Message(
        subject=_about(gettext("Your return label is ready ({claim_code})"), context),
        paragraphs=(
            gettext(
                "Please send back the keys in your parcel. We have paid the postage, so it costs you nothing."
            ),
        ),
        steps=(
            gettext("Sign in and print the label from your claim page. We never send labels by email."),
            gettext(
                "Put the keys and the printed strip into an envelope or box, and stick the label on the "
                "outside."
            ),
            gettext(
                "Hand it to the carrier, {carrier}, by {until}. The label is not valid after that."
            ).format(carrier=context["carrier"], until=_day(context["until"])),
        ),
        action=gettext("Print your label:"),
    )


def _payment_due(context: MessageContext) -> Message:
    """Reads total, until."""
    return Message(
        subject=_about(gettext("Your security keys are held for you ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We are holding the keys for your claim {claim_code} until {until}. The total is {total}. "
                "Once you have paid, we will pack your parcel."
            ).format(
                claim_code=context["claim_code"],
                until=_moment(context["until"]),
                total=_money(context["total"]),
            ),
            gettext("You pay on our site, after signing in, and nowhere else."),
        ),
        action=gettext("See your claim and pay:"),
    )


def _payment_received(context: MessageContext) -> Message:
    """Reads total."""
    return Message(
        subject=_about(gettext("We have received your payment ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We have received {total} for your claim {claim_code}, and your security keys are reserved "
                "for you."
            ).format(claim_code=context["claim_code"], total=_money(context["total"])),
            _what_happens_next(),
            gettext("Until we buy the postage label, you can still cancel and get a refund."),
        ),
        action=gettext("See your receipt:"),
    )


def _payment_lapsed(context: MessageContext) -> Message:
    """Reads money_may_come."""
    if context.get("money_may_come"):
        expired = gettext(
            "The payment for your claim {claim_code} did not reach us in time, so the keys went to the next "
            "person on the waitlist. If it still arrives, you will get keys if any are left, or a refund "
            "without having to ask."
        )
    else:
        expired = gettext(
            "Your claim {claim_code} was not paid in time, so the keys went to the next person on the "
            "waitlist. You were not charged, and we have destroyed your address."
        )
    return Message(
        subject=_about(gettext("Your claim has expired ({claim_code})"), context),
        paragraphs=(_about(expired, context),),
        action=gettext("You can make a new claim while the programme is open:"),
    )


def _refunded(context: MessageContext) -> Message:
    """Reads amount, why."""
    why = context["why"]
    return Message(
        subject=_about(gettext("Your refund is on its way ({claim_code})"), context),
        paragraphs=(
            gettext(
                "We have refunded {amount} to the card or account that paid for your claim {claim_code}. "
                "The reason: {why}."
            ).format(
                claim_code=context["claim_code"],
                amount=_money(context["amount"]),
                why=gettext(why),
            ),
            gettext("Banks can take up to ten working days to show a refund."),
        ),
        action=gettext("See your receipt:"),
    )


MESSAGES: Mapping[Notice.Template, Callable[[MessageContext], Message]] = {
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


def _about(sentence: str, context: MessageContext) -> str:
    return sentence.format(claim_code=context["claim_code"])


def _number_of_keys(context: MessageContext) -> str:
    quantity = context["quantity"]
    return ngettext(
        "You can claim {quantity} key.",
        "You can claim {quantity} keys: one to use, and one to keep as a backup.",
        quantity,
    ).format(quantity=quantity)


def _what_happens_next() -> str:
    return gettext(
        "What happens next: we pack your parcel and hand it to the carrier, usually within three working "
        "days. We will then email you the tracking code."
    )


def _projects(context: MessageContext) -> str:
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


def _money(money: AmountContext) -> str:
    amount = Decimal(money["amount"]).scaleb(-get_currency_precision(money["currency"]))
    return format_currency(amount, money["currency"], locale=_locale())


def _dated() -> str:
    """Our English puts the day before the month, and no comma before the last of a list."""
    return "en_GB" if _locale() == "en" else _locale()


def _locale() -> str:
    return (get_language() or "en").replace("-", "_")
