"""The sentences of all decisions, as shown to the person concerned.

A rule answers with a case and its values; the sentence is looked up here, so that a translation is a second
table and not a second rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NOTHING_TO_DO = "There is nothing you need to do."
ASK = "There is nothing for you to change; please write to the programme's staff and they will look into it."


@dataclass(frozen=True, slots=True)
class Text:
    """The reason for a rule's verdict, and the remedy."""

    reason: str
    remedy: str = NOTHING_TO_DO


# Replaces a rule's own answer when staff lifted the rule.
LIFTED = Text("An exception was made for you until {expires_at}: {why}")

NOT_KNOWN = Text("It is not known {fact}, so this cannot be confirmed.", "{remedy}")

# The missing fact, as it reads after "It is not known …", and who can supply it.
FACTS: Mapping[str, Text] = {
    "roles": Text("which roles you have on which projects", ASK),
    "critical": Text("whether the projects you have a role on are critical", ASK),
    "since": Text("since when you have had your role on a critical project", ASK),
    "recreated": Text("whether your critical projects were ever deleted and recreated", ASK),
    "has_totp": Text("whether your account has an authenticator app (TOTP)", ASK),
    "has_webauthn": Text("whether your account has a security key or passkey (WebAuthn)", ASK),
    "is_organization": Text("whether your account belongs to a person or to an organisation", ASK),
    "opted_out": Text("whether you have left the programme", ASK),
    "email_changed_at": Text("since when your account has had its email address", ASK),
    "roster_taken_at": Text("how recent the list of projects and roles is", ASK),
    "keys_available": Text("how many keys are left", "Please try again later."),
    "live_claims": Text("whether you have made a claim already", "Please try again later."),
    "invited_in_wave": Text("whether your invitation has gone out yet", ASK),
    "address_claims": Text("whether other claims go to the same address", "Enter the address to send to."),
    "country": Text("which country your keys would be sent to", "Choose the country your keys should go to."),
    "region": Text("whether keys can be sent to {country}", ASK),
    "opens_at": Text("when the programme opens", ASK),
    "closes_at": Text("when the programme closes", ASK),
}

TEXTS: Mapping[str, Mapping[str, Text]] = {
    "stock_available": {
        "pass": Text("There are keys left: {keys_available}."),
        "out_of_stock": Text(
            "All keys have been claimed at the moment.",
            "Check again later: keys that come back are offered again.",
        ),
    },
    "on_critical_roster": {
        "pass": Text("You are {role} of {project}{others}, designated critical."),
        "delegated": Text("{delegated_by} named you for {project}{others}, designated critical."),
        "no_critical_role": Text(
            "Your account is not {roles} of a project designated critical.",
            "If you help to maintain a critical project, ask its owners to add your account to it.",
        ),
    },
    "two_factor": {
        "pass": Text("Your account is {state}, and this programme is for accounts like it."),
        "has_webauthn": Text(
            "Your account is already protected by a security key or passkey (WebAuthn), which is the "
            "strongest protection there is; this programme is for accounts without one.",
        ),
        "has_totp": Text(
            "Your account already has two-factor authentication by an authenticator app (TOTP); "
            "this programme is for accounts {allowed}.",
        ),
        "has_none": Text(
            "Your account has no two-factor authentication; this programme is for accounts {allowed}.",
            "Turn on two-factor authentication in your account's settings, then check again.",
        ),
    },
    "one_claim": {
        "pass": Text("You have no other claim in this programme."),
        "claimed": Text(
            "You have made a claim in this programme already; there is one for each maintainer.",
            "Follow the claim you have. If you cancel it before it is sent, you can claim again.",
        ),
    },
    "region": {
        "pass": Text("Keys can be sent to {country}."),
        "not_listed": Text(
            "Keys cannot be sent to {country} in this programme.",
            "If you have an address in one of these countries, use that: {allowed}.",
        ),
        "waitlist": Text(
            "Keys cannot be sent to {country} yet: {why}",
            "Choose {country} under “Where you are” on My roles, and you will be told when it opens.",
        ),
        "paused": Text(
            "Sending keys to {country} is paused: {why}",
            "Check again later, or use an address in another country.",
        ),
        "blocked": Text(
            "Keys cannot be sent to {country}: {why}", "If you have an address in another country, use that."
        ),
    },
    "account_joined_before": {
        "pass": Text("You joined on {joined_on}, in time for this programme."),
        "unknown": Text("It is not known when you joined; that is not held against you."),
        "too_late": Text(
            "You joined on {joined_at}; this programme is for accounts that joined up to {before}.",
            "There is nothing you can change about this. A later programme may be open to you.",
        ),
    },
    "campaign_open": {
        "pass": Text("The programme is open until {closes_at}."),
        "too_early": Text(
            "The programme is not open yet: it opens on {opens_at}.", "Come back on {opens_at}."
        ),
        "too_late": Text(
            "The programme is over: it closed on {closes_at}.",
            "There is nothing you can change about this. A later programme may be open to you.",
        ),
    },
    "roster_fresh": {
        "pass": Text("The list of projects and roles is recent: it was taken on {roster_taken_at}."),
        "too_old": Text(
            "The list of projects and roles was taken on {roster_taken_at}, too long ago to decide by.",
            "There is nothing for you to change. Please try again tomorrow, when the list should be new.",
        ),
        "from_the_future": Text(
            "The list of projects and roles bears a date that is yet to come ({roster_taken_at}).", ASK
        ),
    },
    "wave_invited": {
        "pass": Text("Your invitation has gone out."),
        "not_yet": Text(
            "Invitations go out in waves, and yours has not gone out yet.",
            "Wait for your invitation by email.",
        ),
    },
    "not_opted_out": {
        "pass": Text("You have not left the programme."),
        "opted_out": Text(
            "You have left the programme.",
            "You can rejoin the programme on your page.",
        ),
    },
    "role_age": {
        "pass": Text("You have been {role} of {project} since {since}, long enough."),
        "no_critical_role": Text(
            "You have no role on a critical project whose age could count.",
            "If you help to maintain a critical project, ask its owners to add your account to it.",
        ),
        "too_new": Text(
            "Your role on {project} dates from {since}; roles count from {min_days} days on.",
            "Wait until your role is {min_days} days old, then check again.",
        ),
    },
    "project_not_recreated": {
        "pass": Text("Your project {project} has a history that is long enough."),
        "no_critical_role": Text(
            "You have no role on a critical project whose history could count.",
            "If you help to maintain a critical project, ask its owners to add your account to it.",
        ),
        "too_new": Text(
            "{project} was deleted and recreated on {recreated_on}, less than {min_days} days ago.",
            "It stays critical all the same. A person looks at who maintains it now; "
            "tell the programme's staff what happened.",
        ),
    },
    "email_age": {
        "pass": Text("Your account has had its email address long enough, since {email_changed_at}."),
        "too_new": Text(
            "Your account's email address changed on {email_changed_at}; "
            "for your protection it must have been the same for {min_days} days.",
            "If you changed it yourself, wait until {min_days} days have passed. "
            "If you did not, secure your account now.",
        ),
    },
    "address_not_shared": {
        "pass": Text("No more claims than allowed go to your address."),
        "shared": Text(
            "Other claims go to the same address already ({address_claims}); "
            "together with yours that is more than {max_claims}.",
            "Use another address, or explain to the programme's staff why you share this one.",
        ),
    },
    "not_organization_account": {
        "pass": Text("Your account is a person's."),
        "organization": Text(
            "Your account belongs to an organisation; keys go to the people behind it.",
            "Name the people behind the projects on My roles, so that each can have keys.",
        ),
    },
}

# How the states of two-factor authentication read in "accounts …".
TWO_FACTOR = {
    "none": "without two-factor authentication",
    "totp": "with an authenticator app (TOTP)",
    "webauthn": "with a security key or passkey (WebAuthn)",
}


OTHERS = " and {number} more"
NO_REASON = "no reason is on record"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence of this table with its values, not formatted yet, so that it can be translated.

    Values are texts that are the same in all languages, numbers, dates and times, or the types below.
    `str()` formats it in English.
    """

    sentence: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.values:
            return self.sentence
        return self.sentence.format(**{name: _in_english(value) for name, value in self.values.items()})


@dataclass(frozen=True, slots=True)
class Listing:
    """Several things joined by `or` or `and`."""

    items: tuple[object, ...]
    word: str = "or"

    def __str__(self) -> str:
        return listed([str(_in_english(item)) for item in self.items], self.word)


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its code; English shows the code, pages the name."""

    code: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Countries:
    """Several countries, separated by commas."""

    codes: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.codes)


@dataclass(frozen=True, slots=True)
class RuleMessage:
    """A rule's message to the person: the reason, and what would change the answer."""

    reason: Phrase
    remedy: Phrase


def every_sentence() -> list[str]:
    """All sentences of decisions, for the message catalogues."""
    texts = [
        LIFTED,
        NOT_KNOWN,
        *FACTS.values(),
        *(text for cases in TEXTS.values() for text in cases.values()),
    ]
    # A sentence that is nothing but its value needs no translation.
    sentences = [part for text in texts for part in (text.reason, text.remedy) if part != "{remedy}"]
    return list(dict.fromkeys([*sentences, *TWO_FACTOR.values(), OTHERS, NO_REASON]))


def _in_english(value: object) -> object:
    if isinstance(value, datetime):
        return on(value.isoformat())
    return value if isinstance(value, (int, str)) else str(value)


def listed(items: list[str], word: str = "or") -> str:
    """`a, b or c`."""
    return f" {word} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def on(moment: str) -> str:
    """Format a time of a document for a sentence: `2022-07-11 12:00 UTC`."""
    return f"{moment[:10]} {moment[11:16]} UTC"
