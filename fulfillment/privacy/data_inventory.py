"""Inventory of personal data: every table with a path to an account, why it is held, and until when.

A test fails on any model with a path to an account that is listed neither here nor in `NOT_SHOWN`, so that
each new table with personal data gets a purpose and a way to erase it.
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
          fields: the exported fields, as `values()` takes them.
          exported_as: the name in the export, where a model was renamed after people had exported it.
    """

    model: str
    path: str
    fields: tuple[str, ...]
    exported_as: str = ""


@dataclass(frozen=True)
class DataSection:
    """One category of data: what it is, why it is held, until when, and whether an erasure removes it."""

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
        _("Until the index no longer lists you. We only copy its list, every day."),
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
        _("Your choices about taking part"),
        _("To do as you asked, and to answer you."),
        _("What you wrote is kept until you erase your data. The fact that you wrote is kept permanently."),
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
        _("To show why someone has keys although a rule would refuse them."),
        _("We keep these permanently."),
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
        _("Your invitations"),
        _("To invite you only once, and to tell you once when you become eligible."),
        _("We keep these permanently: dates, the wave you were invited in, and a yes-or-no answer."),
        False,
        (
            DataTable(
                "claims.Invitation", "account", ("campaign__slug", "wave__name", "invited_at", "was_mailed")
            ),
            DataTable(
                "claims.Admission",
                "account",
                ("campaign__slug", "is_admitted", "since"),
                exported_as="claims.Standing",
            ),
        ),
    ),
    DataSection(
        "two_factor",
        _("Your two-factor authentication, as we observed it"),
        _("To measure whether the programme has made accounts safer."),
        _("We keep this permanently to measure the effect: two yes-or-no answers and a date."),
        False,
        (DataTable("roster.TwoFactorObservation", "account", ("has_totp", "has_webauthn", "observed_at")),),
    ),
    DataSection(
        "decisions",
        _("Decisions on whether you may claim"),
        _(
            "To show that keys went to the people they were meant for, and that nobody was refused without a "
            "reason."
        ),
        _(
            "We keep these permanently, with the facts they were made from. Your email and postal address "
            "are not among those facts."
        ),
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
        _("Your sign-in"),
        _("So that you, and nobody else, can sign in with a code sent by email."),
        _("Until you erase your data. It is created again when you sign in again."),
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
        _("So that you can recognise our emails, and read them in your language."),
        _("Until you change them or erase your data."),
        True,
        (DataTable("notices.Recipient", "account", ("phrase", "language", "unreachable_at")),),
    ),
    DataSection(
        "messages",
        _("Messages we sent you"),
        _("So that you can check what we really sent you."),
        _("The text is kept until you erase your data. The dates are kept permanently."),
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
        _("We keep these permanently, with the country but no other part of the address."),
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
        _("A claim you have started"),
        _("So that you can continue where you left off, on any device."),
        format_lazy(
            _("Until you erase your data. The address in it is destroyed after {days} days."),
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
        _("To follow each parcel to your door, and to show where the keys went."),
        _("We keep these permanently: codes, times and statuses, without names or places."),
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
        _("Times you erased your data"),
        _("To show that it was done."),
        _("We keep these permanently: a date and a few numbers."),
        False,
        (DataTable("personal.Erasure", "account", ("erased_at", "counts")),),
    ),
)

# The ledger has claim codes but no accounts, so keys are looked up by claim.
KEYS = DataSection(
    "keys",
    _("Serial numbers of your keys"),
    _("To contact you if a key is recalled, and to show where each one went."),
    _("We keep these permanently: the ledger of keys is never changed."),
    False,
)
# The next two are read from the vault.
ADDRESSES = DataSection(
    "addresses",
    _("Your name, address and phone"),
    _(
        "To send the parcel, and to see whether several claims go to one home. They are encrypted, with a "
        "separate key for each claim."
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
    _("Who opened your address, and why"),
    _("So that you can check on us."),
    _("We keep this permanently: a date, a purpose and who it was, but no part of the address."),
    False,
)
ALL_SECTIONS: Sequence[DataSection] = (*SECTIONS, KEYS, ADDRESSES, OPENINGS)

# Tables with a path to an account that have no personal data beyond what is shown already.
NOT_SHOWN = {
    "desk.Appointment": "staff roles; staff have no account on the index",
    "desk.LostKey": "lost security keys of staff; staff have no account on the index",
    "account.EmailConfirmation": "confirmation links of the sign-in library, which we never send",
    "socialaccount.SocialAccount": "signing in through the index stores no row",
    "socialaccount.SocialToken": "no token of the index is stored",
    "shipping.ParcelUnit": "which key was in which parcel, part of the key's custody record",
    "shipping.ParcelCharge": "costs of a parcel: amounts, and the staff who recorded them",
    "shipping.InsuranceClaim": "claims on a parcel's insurance: amounts, and the staff who filed them",
    "shipping.FloorScan": "scans of the packer",
    "cases.CaseEntry": "how staff handled a case, which is itself shown",
    "payments.Fulfilment": "the mark that a payment has been acted on",
}
