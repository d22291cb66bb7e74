"""The history of a claim: one append-only row per event."""

from django.db import models

from common.triggers import append_only


class ClaimEvent(models.Model):
    """One event of a claim. The claim's state is that of its last event (decision 0109).

    `data` holds codes, counts and carrier facts; never a name, a postal or an email address (I9).
    """

    class Name(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        WAITLISTED = "waitlisted", "added to the waitlist"
        IN_REVIEW = "in_review", "held for review"
        AWAITING_PAYMENT = "awaiting_payment", "awaiting payment"
        PAID = "paid", "paid"
        OFFERED = "offered", "keys offered"
        EXPIRED = "expired", "expired"
        HELD = "held", "put on hold"
        HELD_NO_MORE = "held_no_more", "hold removed"
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "not approved"
        CANCELLED = "cancelled", "cancelled"
        RECALLED = "recalled", "keys recalled"
        ADDRESS_CHANGED = "address_changed", "address changed"
        LABEL_BOUGHT = "label_bought", "label bought"
        SHIPPED = "shipped", "handed to the carrier"
        TRACKED = "tracked", "tracking update"
        DELIVERED = "delivered", "delivered"
        RECEIVED = "received", "confirmed by the maintainer"
        PROBLEM = "problem", "problem reported by the maintainer"
        RETURNED = "returned", "on its way back"
        CORRECTED = "corrected", "corrected by the carrier"

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="events")
    name = models.CharField(max_length=20, choices=Name)
    state_before = models.CharField(max_length=20, blank=True)
    state_after = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["at", "id"], name="claim_events_by_time"),
            # The desk's activity log filters by actor and by event.
            models.Index(fields=["actor", "at", "id"], name="claim_events_by_actor"),
            models.Index(fields=["name", "at", "id"], name="claim_events_by_name"),
        ]
        triggers = append_only("claim_events")
