"""Manifests: parcels handed to a carrier, with the carrier's form."""

from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from common.public_ids import new_code
from fulfillment.shipments.rules.manifests import MANIFEST_TRANSITIONS, ManifestState

_new_manifest_code = partial(new_code, "M")


class Manifest(models.Model):
    """Parcels handed to one carrier at one warehouse at one time.

    With the carrier's form (EasyPost: ScanForm) one scan accepts them all; for a carrier without forms we
    print our own list. The form file names no recipient, so it is stored here and not in the vault.
    """

    State = ManifestState

    code = models.CharField(max_length=20, unique=True, default=_new_manifest_code)
    warehouse = models.ForeignKey(
        "inventory.Warehouse", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    carrier = models.CharField(max_length=40)
    mode = models.CharField(max_length=20)
    has_form = models.BooleanField(help_text="Whether it has a form of the carrier.")
    state = models.CharField(max_length=12, choices=ManifestState.choices(), default=ManifestState.PLANNED)
    vendor_form_id = models.CharField(max_length=40, blank=True)
    form_url = models.URLField(max_length=500, blank=True)
    form = models.BinaryField(null=True)
    last_error = models.CharField(max_length=80, blank=True, help_text="The vendor's code, never its text.")
    asked_at = models.DateTimeField(null=True, help_text="When the vendor was last asked about the form.")
    created_by = models.CharField(max_length=72)
    created_at = models.DateTimeField()
    handed_over_at = models.DateTimeField(null=True, blank=True)
    handed_over_by = models.CharField(max_length=72, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(state=ManifestState.HANDED_OVER) & Q(handed_over_at__isnull=False))
                | (~Q(state=ManifestState.HANDED_OVER) & Q(handed_over_at__isnull=True)),
                name="handed_over_manifests_say_when",
            ),
            models.UniqueConstraint(
                fields=["vendor_form_id"], condition=~Q(vendor_form_id=""), name="one_manifest_per_form"
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="manifests_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in MANIFEST_TRANSITIONS for b in MANIFEST_TRANSITIONS[a]
                ),
            ),
            pgtrigger.Protect(name="manifests_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.code
