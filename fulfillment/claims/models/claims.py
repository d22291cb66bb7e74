"""Claims, their items, and the units that a replacement claim replaces."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from common.prepared_queries import IsAnyOf
from common.public_ids import new_code
from common.triggers import append_only
from fulfillment.claims.rules.states import CANCELLABLE_STATES, LIVE_STATES, TRANSITIONS, ClaimState

_new_claim_code = partial(new_code, "C")


def _in(states: Iterable[ClaimState]) -> Q:
    return Q(state__in=sorted(states))


class ClaimQuerySet(models.QuerySet["Claim"]):
    def live(self) -> "ClaimQuerySet":
        return self.filter(_in(LIVE_STATES))

    def cancellable(self) -> "ClaimQuerySet":
        return self.filter(_in(CANCELLABLE_STATES))

    def waitlist(self) -> "ClaimQuerySet":
        """Claims waiting for keys, in order; claims that have been offered keys no longer wait."""
        waiting = self.filter(state=ClaimState.WAITLISTED, offered_until__isnull=True)
        return waiting.order_by("waitlisted_at", "id")

    def waiting_for(self, models: Collection[int | None], *, campaign_id: int) -> "ClaimQuerySet":
        """Waiting claims for keys that a request for these models would take; None means any model."""
        if None in models:
            return self.waiting_in(campaign_id)
        return self.waiting_for_named([model for model in models if model], campaign_id=campaign_id)

    # The two parts of `waiting_for`, each of which can be prepared.
    def waiting_in(self, campaign_id: int) -> "ClaimQuerySet":
        return self.waitlist().filter(campaign_id=campaign_id)

    def waiting_for_named(self, models: Sequence[int], *, campaign_id: int) -> "ClaimQuerySet":
        wants_some = Q(items__key_model__isnull=True) | Q(IsAnyOf("items__key_model", models))
        return self.waiting_in(campaign_id).filter(wants_some)

    def of(self, account_id: int) -> "ClaimQuerySet":
        """The claims of one maintainer, for their own pages."""
        return self.filter(account_id=account_id)


_ORIGIN = """
    NEW.policy_id := (SELECT policy_id FROM roster_decision WHERE id = NEW.decision_id);
    NEW.wave_id := (
        SELECT wave_id FROM claims_invitation
        WHERE campaign_id = NEW.campaign_id AND account_id = NEW.account_id AND invited_at <= NEW.created_at
    );
"""


class Claim(models.Model):
    """One maintainer's request for keys in one campaign."""

    code = models.CharField(max_length=20, unique=True, default=_new_claim_code)
    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="claims")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="claims")
    decision = models.ForeignKey("roster.Decision", on_delete=models.PROTECT, related_name="claims")
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="replacements",
        help_text="The maintainer's original claim, if this one replaces keys of it or is its backorder.",
    )
    in_part = models.BooleanField(
        default=False, help_text="Send the keys in stock; the rest waits as a backorder."
    )
    state = models.CharField(max_length=20, choices=ClaimState.choices())
    country = models.CharField(max_length=2)
    service = models.CharField(max_length=10, choices=[("standard", "Standard"), ("express", "Express")])
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    waitlisted_at = models.DateTimeField(null=True, blank=True)
    offered_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then available keys are held for a waitlisted claim."
    )
    label_started_at = models.DateTimeField(
        null=True, blank=True, help_text="Once set, neither the claim nor its address can be changed."
    )
    payment_due_at = models.DateTimeField(
        null=True, blank=True, help_text="Payment deadline; until then its keys are held."
    )
    held_at = models.DateTimeField(
        null=True, blank=True, help_text="On hold since: its payment is disputed, and nothing is sent."
    )
    # Both are filled in by a trigger when the claim is made, for the desk's lists: the claims of a policy or
    # wave are close together in time, so a list that joined them would scan past all the others.
    policy = models.ForeignKey(
        "roster.Policy",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The policy of its decision.",
    )
    wave = models.ForeignKey(
        "claims.Wave",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="claims",
        help_text="The wave in which its maintainer had been invited.",
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
            # The desk's lists, each newest first.
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
                func=f"{_ORIGIN} RETURN NEW;",
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
    """A key that a replacement claim replaces. Append-only; each key is replaced only once."""

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="replaced_units")
    # Without a foreign key constraint, as in the ledger: no unit is ever deleted.
    unit = models.OneToOneField(
        "inventory.Unit", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    why = models.CharField(max_length=80, help_text="The code of a recall, a case or a shipment.")
    granted_by = models.CharField(max_length=80)
    granted_at = models.DateTimeField()

    class Meta:
        triggers = append_only("replaced_units")

    def __str__(self) -> str:
        return f"{self.claim} for unit {self.unit_id}"


class ClaimItem(models.Model):
    """A quantity of keys of one model that a claim requests; `key_model` empty means any in stock."""

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="items")
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
