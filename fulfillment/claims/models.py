"""Campaigns, where they send keys, and claims with all that ever happened to each."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from common.prepared_queries import IsAnyOf
from common.public_ids import new_code
from common.triggers import append_only, fixed
from fulfillment.claims.quotes import Quote, lines_from_json
from fulfillment.claims.rules import CANCELLABLE_STATES, LIVE_STATES, TRANSITIONS, ClaimState

_new_claim_code = partial(new_code, "C")
_new_draft_code = partial(new_code, "D")


def _in(states: Iterable[ClaimState]) -> Q:
    return Q(state__in=sorted(states))


class Campaign(models.Model):
    """A programme with its dates, its allotment per person and the policy it decides by."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    sponsor = models.CharField(max_length=100, blank=True)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    per_claim = models.PositiveSmallIntegerField(default=2, help_text="Keys per maintainer.")
    offer_days = models.PositiveSmallIntegerField(
        default=7, help_text="How long keys that came free are held for the first in line to take them."
    )
    policy = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="campaigns")
    key_models = models.ManyToManyField("inventory.KeyModel", related_name="campaigns")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closes_at__gt=models.F("opens_at")), name="opens_before_it_closes"
            ),
            models.CheckConstraint(condition=Q(per_claim__gte=1), name="a_claim_holds_a_key"),
            models.CheckConstraint(condition=Q(offer_days__gte=1), name="an_offer_lasts_a_day"),
        ]

    def __str__(self) -> str:
        return self.name


class RegionQuerySet(models.QuerySet["Region"]):
    def in_force(self, now: datetime) -> "RegionQuerySet":
        return self.filter(valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


class Region(models.Model):
    """One dated row of the truth table of DESIGN § 6: may keys go to this country, and on what terms.

    `key_model` empty means every model. A country without a row is not served.
    """

    class Status(models.TextChoices):
        OPEN = "open", "keys can be sent"
        WAITLIST = "waitlist", "not yet; there is a waitlist"
        PAUSED = "paused", "not at the moment"
        BLOCKED = "blocked", "keys cannot be sent"

    country = models.CharField(max_length=2)
    subdivision = models.CharField(max_length=10, blank=True)
    key_model = models.ForeignKey("inventory.KeyModel", null=True, blank=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status)
    reason = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=300)
    is_sponsored = models.BooleanField(default=True)
    keys_per_parcel = models.PositiveSmallIntegerField(default=2)
    po_box_allowed = models.BooleanField(default=False)
    phone_required = models.BooleanField(default=False)
    tax_id_required = models.BooleanField(default=False)
    incoterm = models.CharField(max_length=3, default="DDP")
    promised_days = models.PositiveSmallIntegerField(help_text="From hand-over to the door.")
    ceiling_cents = models.PositiveIntegerField(
        help_text="Dearest postage that needs no approval, in US cents."
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    objects = RegionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country", "subdivision", "key_model", "valid_from"],
                name="one_region_row_at_a_time",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$"), name="countries_are_iso_3166_alpha_2"
            ),
        ]


class PriceListQuerySet(models.QuerySet["PriceList"]):
    def in_force(self, now: datetime) -> "PriceListQuerySet":
        return self.filter(valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


class PriceList(models.Model):
    """What a campaign sells, and for how much, from when until when. Published lists never change.

    Only their end is set, once: when a list that follows is published.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="price_lists")
    version = models.CharField(max_length=50)
    document = models.JSONField(help_text="As `quotes.parse_prices` reads it.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=80)

    objects = PriceListQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="price_lists_have_versions"),
            models.UniqueConstraint(fields=["campaign", "valid_from"], name="one_price_list_at_a_time"),
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(valid_until__isnull=True),
                name="one_price_list_without_an_end",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=models.F("valid_from")),
                name="price_lists_end_after_they_begin",
            ),
        ]
        triggers = [
            fixed(
                "price_lists_are_fixed", "campaign_id", "version", "document", "valid_from", "published_at"
            ),
            pgtrigger.Protect(name="price_lists_stay", operation=pgtrigger.Delete),
        ]


class ClaimQuerySet(models.QuerySet["Claim"]):
    def live(self) -> "ClaimQuerySet":
        return self.filter(_in(LIVE_STATES))

    def cancellable(self) -> "ClaimQuerySet":
        return self.filter(_in(CANCELLABLE_STATES))

    def waitlist(self) -> "ClaimQuerySet":
        """In line for keys, first come first; whoever has been offered some is in line no more."""
        in_line = self.filter(state=ClaimState.WAITLISTED, offered_until__isnull=True)
        return in_line.order_by("waitlisted_at", "id")

    def in_line_for(self, models: Collection[int | None], *, campaign_id: int) -> "ClaimQuerySet":
        """Those waiting for what a request for these key models would take; None is any model."""
        if None in models:
            return self.in_line(campaign_id)
        return self.in_line_for_named([model for model in models if model], campaign_id=campaign_id)

    # The two parts of `in_line_for`, each of which can be prepared.
    def in_line(self, campaign_id: int) -> "ClaimQuerySet":
        return self.waitlist().filter(campaign_id=campaign_id)

    def in_line_for_named(self, models: Sequence[int], *, campaign_id: int) -> "ClaimQuerySet":
        wants_some = Q(items__key_model__isnull=True) | Q(IsAnyOf("items__key_model", models))
        return self.in_line(campaign_id).filter(wants_some)

    def of(self, account_id: int) -> "ClaimQuerySet":
        """The claims of one maintainer: what their own pages may see."""
        return self.filter(account_id=account_id)


CAME_BY = """
    NEW.policy_id := (SELECT policy_id FROM roster_decision WHERE id = NEW.decision_id);
    NEW.wave_id := (
        SELECT wave_id FROM claims_invitation
        WHERE campaign_id = NEW.campaign_id AND account_id = NEW.account_id AND invited_at <= NEW.created_at
    );
"""


class Claim(models.Model):
    """One maintainer's request for keys in one campaign."""

    code = models.CharField(max_length=20, unique=True, default=_new_claim_code)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="claims")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="claims")
    decision = models.ForeignKey("roster.Decision", on_delete=models.PROTECT, related_name="claims")
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="replacements",
        help_text="The maintainer's own claim, if this one only replaces keys of it, or is the rest of it.",
    )
    in_part = models.BooleanField(
        default=False, help_text="Send what there is; the rest waits as a claim of its own."
    )
    state = models.CharField(max_length=20, choices=ClaimState.choices())
    country = models.CharField(max_length=2)
    service = models.CharField(max_length=10, choices=[("standard", "Standard"), ("express", "Express")])
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    waitlisted_at = models.DateTimeField(null=True, blank=True)
    offered_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then keys that came free are held for a waitlisted claim."
    )
    label_started_at = models.DateTimeField(
        null=True, blank=True, help_text="From here on neither the claim nor its address can be changed."
    )
    payment_due_at = models.DateTimeField(
        null=True, blank=True, help_text="Until then its keys are held for a claim that is to be paid."
    )
    held_at = models.DateTimeField(
        null=True, blank=True, help_text="Nothing is sent while this stands: its payment is disputed."
    )
    # Both are filled in by the database when the claim is made, for the desk's lists: a policy's or a wave's
    # claims lie together in time, so that a list that had to look them up would walk past all the others.
    policy = models.ForeignKey(
        "roster.Policy",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What its decision was made by.",
    )
    wave = models.ForeignKey(
        "claims.Wave",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="claims",
        help_text="What its maintainer had been invited in by then.",
    )

    objects = ClaimQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "account"],
                condition=_in(LIVE_STATES) & Q(replaces__isnull=True),
                name="one_live_claim_per_maintainer",
            ),
            models.CheckConstraint(
                condition=~Q(state=ClaimState.WAITLISTED) | Q(waitlisted_at__isnull=False),
                name="waitlisted_claims_have_their_place",
            ),
            models.CheckConstraint(
                condition=Q(offered_until__isnull=True) | Q(state=ClaimState.WAITLISTED),
                name="offers_are_made_to_the_waitlist",
            ),
            models.CheckConstraint(
                condition=~Q(state=ClaimState.AWAITING_PAYMENT) | Q(payment_due_at__isnull=False),
                name="claims_to_be_paid_have_a_deadline",
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at", "id"], name="claims_by_change"),
            # The desk's lists, each with its newest first.
            models.Index(fields=["state", "id"], name="claims_by_state"),
            models.Index(fields=["country", "id"], name="claims_by_country"),
            models.Index(fields=["policy", "id"], name="claims_by_policy"),
            models.Index(fields=["wave", "id"], name="claims_by_wave", condition=Q(wave__isnull=False)),
            models.Index(fields=["created_at", "id"], name="claims_by_age"),
            models.Index(fields=["id"], name="claims_held", condition=Q(held_at__isnull=False)),
            models.Index(
                fields=["waitlisted_at", "id"],
                name="claims_in_line",
                condition=Q(state=ClaimState.WAITLISTED),
            ),
            models.Index(
                fields=["payment_due_at"],
                name="claims_to_be_paid",
                condition=Q(state=ClaimState.AWAITING_PAYMENT),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="claims_know_what_they_came_by",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=f"{CAME_BY} RETURN NEW;",
            ),
            pgtrigger.FSM(
                name="claims_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(before), str(after)) for before in TRANSITIONS for after in TRANSITIONS[before]
                ),
            ),
            pgtrigger.Protect(name="claims_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.code


class ReplacedUnit(models.Model):
    """A key that a replacement stands for. Append-only, and once a key: nobody gets two for one."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="replaced_units")
    # Without a foreign key in the database, as in the ledger: no unit is ever deleted.
    unit = models.OneToOneField(
        "inventory.Unit", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    why = models.CharField(max_length=80, help_text="A recall's code, a case, a shipment")
    granted_by = models.CharField(max_length=80)
    granted_at = models.DateTimeField()

    class Meta:
        triggers = append_only("replaced_units")

    def __str__(self) -> str:
        return f"{self.claim} for unit {self.unit_id}"


class ClaimItem(models.Model):
    """So many keys of one model that a claim asks for; `key_model` empty means any in stock."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="items")
    key_model = models.ForeignKey("inventory.KeyModel", null=True, on_delete=models.PROTECT)
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "key_model"], name="one_line_per_model", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="a_line_asks_for_a_key"),
        ]
        indexes = [models.Index(fields=["key_model", "claim"], name="items_by_model")]


class ClaimQuote(models.Model):
    """What a claim costs, as it was agreed when it was made; free claims have none.

    Amounts are in minor units of the currency. `lines` is what `quotes.lines_from_json` reads.
    """

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="quote")
    prices = models.CharField(max_length=50, help_text="The version of the price list.")
    currency = models.CharField(max_length=3)
    tax_behavior = models.CharField(max_length=12)
    lines = models.JSONField()
    total = models.PositiveIntegerField()
    express_days = models.PositiveSmallIntegerField(null=True)
    quoted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total__gt=0), name="quotes_cost_something"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="quotes_have_a_currency"),
        ]
        triggers = append_only("claim_quotes")

    def as_quote(self) -> Quote:
        return Quote(
            lines=lines_from_json(self.lines),
            currency=self.currency,
            tax_behavior=self.tax_behavior,
            prices=self.prices,
            express_days=self.express_days,
        )


class ClaimEvent(models.Model):
    """One thing that happened to a claim. The claim's state is what its events add up to (decision 9).

    `data` holds codes, counts and carrier facts; never a name, an address or a mail address (I9).
    """

    class Name(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        WAITLISTED = "waitlisted", "put on the waitlist"
        IN_REVIEW = "in_review", "held for review"
        AWAITING_PAYMENT = "awaiting_payment", "to be paid"
        PAID = "paid", "paid"
        OFFERED = "offered", "keys came free"
        EXPIRED = "expired", "not taken or not paid in time"
        HELD = "held", "held back"
        HELD_NO_MORE = "held_no_more", "held back no more"
        APPROVED = "approved", "approved by a person"
        REJECTED = "rejected", "not approved"
        CANCELLED = "cancelled", "cancelled"
        RECALLED = "recalled", "a recall took its keys"
        ADDRESS_CHANGED = "address_changed", "address changed"
        LABEL_BOUGHT = "label_bought", "label bought"
        SHIPPED = "shipped", "handed to the carrier"
        TRACKED = "tracked", "seen by the carrier"
        DELIVERED = "delivered", "delivered"
        RECEIVED = "received", "confirmed by the maintainer"
        PROBLEM = "problem", "reported by the maintainer"
        RETURNED = "returned", "on its way back"
        CORRECTED = "corrected", "the carrier took back what it said"

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="events")
    name = models.CharField(max_length=20, choices=Name)
    state_before = models.CharField(max_length=20, blank=True)
    state_after = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["at", "id"], name="claim_events_by_time"),
            # What the desk's trail asks for: what somebody did, and what is seldom done.
            models.Index(fields=["actor", "at", "id"], name="claim_events_by_actor"),
            models.Index(fields=["name", "at", "id"], name="claim_events_by_name"),
        ]
        triggers = append_only("claim_events")


class Draft(models.Model):
    """A claim that somebody has begun: on another device, or next week, they go on where they were.

    Holds nothing personal: the address is sealed in the vault under the draft's code, for a limited time.
    A draft that became a claim stays, so that the same form sent again finds what it made.
    """

    code = models.CharField(max_length=20, unique=True, default=_new_draft_code)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="drafts")
    account = models.ForeignKey("roster.Account", on_delete=models.CASCADE, related_name="drafts")
    country = models.CharField(max_length=2, blank=True)
    wanted = models.JSONField(
        default=dict,
        help_text="SKU → keys, the SKU * for any in stock; empty while nothing is chosen.",
    )
    service = models.CharField(max_length=10, default="standard")
    has_address = models.BooleanField(default=False)
    claim = models.OneToOneField(Claim, null=True, on_delete=models.PROTECT, related_name="draft")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "account"],
                condition=Q(claim__isnull=True),
                name="one_open_draft_per_campaign",
            ),
        ]

    def __str__(self) -> str:
        return self.code


# Waves and standings are tables of this room; Django finds models here.
from fulfillment.claims.waves import Invitation, PolicyAdoption, Standing, Wave  # noqa: E402, F401
