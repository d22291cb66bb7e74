"""What is held about a person: every table with a way to their account, why it is held, and until when.

A test walks all models: one with a way to an account that is named neither here nor among `NOT_SHOWN` fails
it. So whoever adds a personal table also says why it is there and how it leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR, KEEP_DRAFT_FOR
from fulfillment.vault.services import LONGEST_KEPT


@dataclass(frozen=True)
class DataTable:
    """Rows of one model that belong to an account.

    Args: model: its label. path: the lookup from it to the account, empty for the account itself.
          fields: what is handed out, as `values()` takes it.
    """

    model: str
    path: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class DataSection:
    """One kind of data: what it is, why it is held, until when, whether erasing removes it."""

    name: str
    title: str | Promise
    why: str | Promise
    until: str | Promise
    erasable: bool
    tables: Sequence[DataTable] = ()


SECTIONS: Sequence[DataSection] = (
    DataSection(
        "account",
        _("Your account as the index lists it"),
        _("To know who maintains what, to let you sign in, and to write to you."),
        _("Until the index's list no longer has you. We only copy it, every day."),
        False,
        (
            DataTable(
                "roster.Account",
                "",
                (
                    "username",
                    "email",
                    "email_verified",
                    "joined_at",
                    "is_organization",
                    "has_totp",
                    "has_webauthn",
                    "two_factor_observed_at",
                    "email_changed_at",
                    "opted_out_at",
                    "do_not_contact_since",
                    "country",
                    "time_zone",
                    "created_at",
                    "updated_at",
                ),
            ),
            DataTable(
                "roster.ProjectRole",
                "account",
                ("project__name", "role", "since", "first_seen_on", "ended_on"),
            ),
        ),
    ),
    DataSection(
        "wishes",
        _("What you told us about taking part"),
        _("To do as you asked, and to answer you."),
        _("What you wrote until you have your data erased; that you said it stays."),
        True,
        (
            DataTable("roster.Disclaimer", "account", ("project__name", "kind", "said_at", "withdrawn_at")),
            DataTable(
                "roster.Appeal", "account", ("rule", "text", "state", "created_at", "answer", "answered_at")
            ),
            DataTable("roster.AccountEvent", "account", ("name", "at", "data")),
        ),
    ),
    DataSection(
        "papers",
        _("Exceptions and delegations made for you"),
        _("To prove why somebody whom a rule would refuse has keys."),
        _("They stay."),
        False,
        (
            DataTable(
                "roster.PolicyException",
                "account",
                ("rule", "reason", "requested_at", "granted_at", "expires_at", "ended_at", "ended_because"),
            ),
            DataTable("roster.Delegation", "account", ("project__name", "created_at", "ended_at")),
        ),
    ),
    DataSection(
        "invitations",
        _("Whether and when you were invited"),
        _("To invite you once, and to tell you once when you can newly claim."),
        _("They stay: dates, a wave, and one yes or no."),
        False,
        (
            DataTable(
                "claims.Invitation", "account", ("campaign__slug", "wave__name", "invited_at", "was_mailed")
            ),
            DataTable("claims.Standing", "account", ("campaign__slug", "is_admitted", "since")),
        ),
    ),
    DataSection(
        "two_factor",
        _("Your two-factor authentication, as it was seen"),
        _("To count whether the programme has made accounts safer."),
        _("It stays: the effect is counted from it. It holds two yes-or-no answers and a date."),
        False,
        (DataTable("roster.TwoFactorObservation", "account", ("has_totp", "has_webauthn", "observed_at")),),
    ),
    DataSection(
        "decisions",
        _("Decisions on whether you may claim"),
        _(
            "To prove that keys went to those they were meant for, and that nobody was refused without "
            "reason."
        ),
        _("They stay, with the facts they were made from; your mail and postal address are not among them."),
        False,
        (
            DataTable(
                "roster.Decision",
                "account",
                ("policy__version", "campaign", "outcome", "headline", "verdicts", "facts", "decided_at"),
            ),
        ),
    ),
    DataSection(
        "sign_in",
        _("Your sign-in here"),
        _("So that a code by mail lets you in, and nobody else."),
        _("Until you have your data erased. It is made again if you sign in again."),
        True,
        (
            DataTable("config.User", "account", ("username", "email", "last_login", "date_joined")),
            DataTable("account.EmailAddress", "user__account", ("email", "verified", "primary")),
            DataTable("mfa.Authenticator", "user__account", ("type", "created_at", "last_used_at")),
        ),
    ),
    DataSection(
        "correspondence",
        _("Your phrase and language"),
        _("So that you can tell our mail from a forgery, and read it."),
        _("Until you change them or have your data erased."),
        True,
        (DataTable("notices.Recipient", "account", ("phrase", "language", "unreachable_at")),),
    ),
    DataSection(
        "messages",
        _("Messages we sent you"),
        _("So that you can look up what we really wrote."),
        _("Their words until you have your data erased; that and when each was sent stays."),
        True,
        (
            DataTable(
                "notices.Notice",
                "account",
                ("template", "claim_code", "subject", "body", "created_at", "sent_at", "failed_at"),
            ),
            DataTable("notices.Bounce", "notice__account", ("kind", "reported_at")),
        ),
    ),
    DataSection(
        "claims",
        _("Your claims and what happened to them"),
        _("To send the keys, and to account for every one of them."),
        _("They stay, with the country and nothing else of the address."),
        False,
        (
            DataTable(
                "claims.Claim",
                "account",
                (
                    "code",
                    "campaign__slug",
                    "state",
                    "country",
                    "service",
                    "in_part",
                    "replaces__code",
                    "created_at",
                    "updated_at",
                ),
            ),
            DataTable(
                "payments.Payment",
                "claim__account",
                ("code", "claim__code", "state", "amount", "received", "currency", "created_at", "paid_at"),
            ),
            DataTable(
                "payments.Refund",
                "payment__claim__account",
                ("code", "payment__code", "state", "reason", "amount", "currency", "created_at"),
            ),
            DataTable(
                "payments.Dispute",
                "payment__claim__account",
                ("payment__code", "state", "reason", "amount", "currency", "opened_at", "closed_at"),
            ),
            DataTable("claims.ClaimItem", "claim__account", ("claim__code", "key_model__sku", "quantity")),
            DataTable(
                "claims.ClaimEvent",
                "claim__account",
                ("claim__code", "name", "state_before", "state_after", "at", "data"),
            ),
            DataTable(
                "claims.ClaimQuote",
                "claim__account",
                ("claim__code", "currency", "lines", "total", "quoted_at"),
            ),
            DataTable(
                "claims.ReplacedUnit", "claim__account", ("claim__code", "unit__serial", "why", "granted_at")
            ),
        ),
    ),
    DataSection(
        "drafts",
        _("A claim you have begun"),
        _("So that you can go on where you were, on any device."),
        format_lazy(
            _("Until you have your data erased; the address in it is destroyed after {days} days."),
            days=KEEP_DRAFT_FOR.days,
        ),
        True,
        (
            DataTable(
                "claims.Draft",
                "account",
                ("code", "country", "wanted", "service", "has_address", "created_at", "updated_at"),
            ),
        ),
    ),
    DataSection(
        "parcels",
        _("Your parcels"),
        _("To follow each to your door, and to prove where the keys went."),
        _("They stay: codes, times and states, with no name and no place in them."),
        False,
        (
            DataTable(
                "shipping.Shipment",
                "claim__account",
                ("code", "claim__code", "state", "created_at", "updated_at"),
            ),
            DataTable(
                "shipping.LabelPurchase",
                "shipment__claim__account",
                ("shipment__code", "state", "carrier", "service", "tracking_code", "bought_at"),
            ),
            DataTable(
                "shipping.TrackingUpdate",
                "purchase__shipment__claim__account",
                ("purchase__shipment__code", "status", "status_detail", "said_at", "expected_on"),
            ),
            DataTable(
                "cases.Case",
                "shipment__claim__account",
                ("code", "shipment__code", "reason", "opened_at", "closed_at", "outcome"),
            ),
        ),
    ),
    DataSection(
        "erasures",
        _("Times you had your data erased"),
        _("To show that it was done."),
        _("They stay: a date and a few numbers."),
        False,
        (DataTable("personal.Erasure", "account", ("erased_at", "counts")),),
    ),
)

# The ledger knows no persons, only claims' codes.
KEYS = DataSection(
    "keys",
    _("Serial numbers of your keys"),
    _("To reach you if a key is recalled, and to prove where each one went."),
    _("They stay: the ledger of the keys is never changed."),
    False,
)
# These two are read out of the vault, not as rows.
ADDRESSES = DataSection(
    "addresses",
    _("Your name, address and phone"),
    _(
        "To send the parcel, and to see whether several claims go to one home. They are encrypted, each "
        "claim's under a key of its own."
    ),
    format_lazy(
        _(
            "Until the claim is cancelled or refused, or {days} days after the parcel arrived; "
            "{longest} days at most."
        ),
        days=KEEP_ADDRESS_FOR.days,
        longest=LONGEST_KEPT.days,
    ),
    True,
)
OPENINGS = DataSection(
    "openings",
    _("Who opened your address, and for what"),
    _("So that you can check on us."),
    _("It stays: a date, a purpose and who, and no part of the address."),
    False,
)
ALL_SECTIONS: Sequence[DataSection] = (*SECTIONS, KEYS, ADDRESSES, OPENINGS)

# Tables with a way to an account that hold nothing about a person beyond what is shown already.
NOT_SHOWN = {
    "desk.Appointment": "roles of staff, who have no account on the index",
    "desk.LostKey": "lost security keys of staff, who have no account on the index",
    "account.EmailConfirmation": "links of the sign-in library, which we never send",
    "socialaccount.SocialAccount": "sign-ins through the index leave no row",
    "socialaccount.SocialToken": "no token of the index is stored",
    "shipping.ParcelUnit": "which key lay in which parcel: the custody of the key",
    "shipping.ParcelCharge": "what a parcel cost us: sums, and who on the staff noted them",
    "shipping.InsuranceClaim": "what was claimed from a parcel's insurer: sums, and by whom",
    "shipping.FloorScan": "what the packer scanned",
    "cases.CaseEntry": "how staff worked a case, which is shown itself",
    "payments.Fulfilment": "that a payment was counted, once",
}
