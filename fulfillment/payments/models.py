"""Payments, refunds, disputes, and the vendor's balance transactions.

Amounts are integers in the minor unit of their currency (decision 0110).
"""

from functools import partial

import pgtrigger
from django.db import models
from django.db.models import F, Q

from common.public_ids import new_code
from common.triggers import append_only, immutable
from fulfillment.payments.rules.states import (
    LIVE_PAYMENT_STATES,
    PAYMENT_TRANSITIONS,
    REFUND_TRANSITIONS,
    CheckoutOutcome,
    DisputeState,
    PaymentState,
    RefundReason,
    RefundState,
)

_new_payment_code = partial(new_code, "P")
_new_refund_code = partial(new_code, "R")


class Payment(models.Model):
    """One checkout of one claim: the intent, the vendor's session, and the outcome.

    The row is committed before the first call, with its idempotency key. `version` is incremented with every
    update; a response requested at an earlier version is discarded.
    """

    code = models.CharField(max_length=20, unique=True, default=_new_payment_code)
    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="payments")
    attempt = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=20, choices=PaymentState.choices(), default=PaymentState.PLANNED)
    mode = models.CharField(max_length=10)
    amount = models.PositiveIntegerField(help_text="The amount due.")
    currency = models.CharField(max_length=3)
    idempotency_key = models.CharField(max_length=80, unique=True)
    session_id = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001 - unique
    payment_intent_id = models.CharField(max_length=80, null=True, unique=True)  # noqa: DJ001 - unique
    charge_id = models.CharField(max_length=80, null=True, unique=True)  # noqa: DJ001 - unique
    received = models.PositiveIntegerField(null=True, help_text="The amount received.")
    received_currency = models.CharField(max_length=3, blank=True)
    expires_at = models.DateTimeField(help_text="The end of the checkout session.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True, help_text="When the vendor was last asked.")
    version = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, blank=True, help_text="The vendor's code, never its text.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["claim", "attempt"], name="payments_are_numbered"),
            models.UniqueConstraint(
                fields=["claim"],
                condition=Q(state__in=sorted(LIVE_PAYMENT_STATES)),
                name="one_payment_under_way_per_claim",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_ask_for_something"),
            models.CheckConstraint(
                condition=~Q(state=PaymentState.PAID)
                | Q(session_id__isnull=False, received__isnull=False, paid_at__isnull=False),
                name="paid_payments_say_what_was_received",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[PaymentState.OPEN, PaymentState.PENDING])
                | Q(session_id__isnull=False),
                name="open_payments_have_the_vendors_id",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="payments_under_way",
                condition=Q(state__in=sorted(LIVE_PAYMENT_STATES)),
            ),
            models.Index(fields=["paid_at"], name="payments_by_payment"),
        ]
        triggers = [
            pgtrigger.FSM(
                name="payments_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in PAYMENT_TRANSITIONS for b in PAYMENT_TRANSITIONS[a]
                ),
            ),
            pgtrigger.Protect(name="payments_stay", operation=pgtrigger.Delete),
            immutable(
                "what_is_asked_for_is_fixed",
                "claim_id",
                "attempt",
                "amount",
                "currency",
                "mode",
                "idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Fulfilment(models.Model):
    """The outcome of a received payment, recorded once. A claim is fulfilled by one payment only."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="fulfilment")
    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="fulfilments")
    outcome = models.CharField(max_length=20, choices=CheckoutOutcome.choices())
    amount = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["claim"],
                condition=~Q(outcome=CheckoutOutcome.GIVEN_BACK),
                name="a_claim_is_served_for_one_payment",
            ),
        ]
        triggers = append_only("fulfilments")


class RefundQuerySet(models.QuerySet["Refund"]):
    def unsent(self) -> "RefundQuerySet":
        return self.filter(state=RefundState.PLANNED)

    def come_back(self) -> "RefundQuerySet":
        """Refunds that failed and were not sent again; each has a case."""
        return self.filter(state=RefundState.FAILED, replacement=None)


class Refund(models.Model):
    """A refund: the intent, its idempotency key, and its state at the vendor."""

    code = models.CharField(max_length=20, unique=True, default=_new_refund_code)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    reason = models.CharField(max_length=20, choices=RefundReason.choices())
    state = models.CharField(max_length=20, choices=RefundState.choices(), default=RefundState.PLANNED)
    amount = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    attempt = models.PositiveSmallIntegerField(default=1)
    vendor_id = models.CharField(max_length=80, null=True, unique=True)  # noqa: DJ001 - unique
    requested_by = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, help_text="When this attempt was first sent.")
    failure = models.CharField(max_length=80, blank=True, help_text="The vendor's code.")
    replaces = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="replacement",
        help_text="The failed refund that this one replaces.",
    )

    objects = RefundQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refunds_give_something_back"),
            models.CheckConstraint(
                condition=~Q(state__in=[RefundState.PENDING, RefundState.SUCCEEDED])
                | Q(vendor_id__isnull=False),
                name="sent_refunds_have_the_vendors_id",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"], name="refunds_to_send", condition=Q(state=RefundState.PLANNED)
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="refunds_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in REFUND_TRANSITIONS for b in REFUND_TRANSITIONS[a]
                ),
            ),
            pgtrigger.Protect(name="refunds_stay", operation=pgtrigger.Delete),
            immutable("what_is_given_back_is_fixed", "payment_id", "amount", "currency", "reason", "code"),
            pgtrigger.Trigger(
                name="no_more_goes_back_than_came",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("came", "bigint"), ("goes", "bigint")],
                # Locks the payment's row, so that concurrent refunds are summed one after the other.
                func="""
                    -- What leaves the sum as it is locks nothing: the payment comes before its refunds.
                    IF TG_OP = 'UPDATE' AND NEW.state = OLD.state THEN
                        RETURN NEW;
                    END IF;
                    IF NEW.state NOT IN ('planned', 'pending', 'succeeded') THEN
                        RETURN NEW;
                    END IF;
                    SELECT received INTO came FROM payments_payment
                    WHERE id = NEW.payment_id FOR NO KEY UPDATE;
                    SELECT coalesce(sum(amount), 0) INTO goes FROM payments_refund
                    WHERE payment_id = NEW.payment_id AND id IS DISTINCT FROM NEW.id
                      AND state IN ('planned', 'pending', 'succeeded');
                    IF came IS NULL OR goes + NEW.amount > came THEN
                        RAISE EXCEPTION 'payment % received %, and % would go back',
                            NEW.payment_id, came, goes + NEW.amount;
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def idempotency_key(self) -> str:
        """The idempotency key: the same for every retry of one attempt."""
        return f"rf:{self.code}:{self.attempt}"


class Dispute(models.Model):
    """A dispute (chargeback): the payer's bank reclaims a payment."""

    vendor_id = models.CharField(max_length=80, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    state = models.CharField(max_length=10, choices=DisputeState.choices(), default=DisputeState.OPEN)
    status = models.CharField(max_length=40, help_text="The vendor's status.")
    reason = models.CharField(max_length=60)
    amount = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    due_by = models.DateTimeField(null=True, help_text="Deadline for evidence.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=DisputeState.OPEN) | Q(closed_at__isnull=False),
                name="decided_disputes_say_when",
            ),
        ]
        triggers = [pgtrigger.Protect(name="disputes_stay", operation=pgtrigger.Delete)]


class BookEntry(models.Model):
    """One balance transaction of the vendor: amount, fee and net.

    In the account's settlement currency, which may differ from the payment's. Outgoing amounts are negative.
    Unique by the vendor's id, so fetching a day again creates no duplicates.
    """

    vendor_id = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=40)
    category = models.CharField(max_length=60)
    source_id = models.CharField(max_length=80, db_index=True)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField()
    net = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    exchange_rate = models.CharField(max_length=30, blank=True)
    booked_at = models.DateTimeField(db_index=True, help_text="When the vendor booked it.")
    available_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(net=F("amount") - F("fee")), name="net_is_amount_less_fee"),
        ]
        triggers = append_only("book_entries")
