"""The history of a claim: one append-only row per event."""

from django.db import models

from common.triggers import append_only


class ClaimEvent(models.Model):
    """One thing that happened to a claim. The claim's state is what its events add up to (decision 0109).

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
            # What the desk's trail asks for: what somebody did, and what is seldom done.
            models.Index(fields=["actor", "at", "id"], name="claim_events_by_actor"),
            models.Index(fields=["name", "at", "id"], name="claim_events_by_name"),
        ]
        triggers = append_only("claim_events")
