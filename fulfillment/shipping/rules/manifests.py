"""The states of a manifest, and which parcels may be on one."""

from collections.abc import Mapping

from django.db import models


class ManifestState(models.TextChoices):
    PLANNED = "planned", "parcels chosen, form to be made"
    MAKING = "making", "the carrier makes the form"
    READY = "ready", "ready to be handed over"
    FAILED = "failed", "no form could be made"
    HANDED_OVER = "handed_over", "with the carrier"


_M = ManifestState

# The database refuses every other step (the FSM trigger of Manifest). A failed one gives its parcels free.
MANIFEST_TRANSITIONS: Mapping[ManifestState, frozenset[ManifestState]] = {
    _M.PLANNED: frozenset({_M.MAKING, _M.READY, _M.FAILED}),
    _M.MAKING: frozenset({_M.READY, _M.FAILED}),
    _M.READY: frozenset({_M.HANDED_OVER, _M.FAILED}),
    _M.FAILED: frozenset(),
    _M.HANDED_OVER: frozenset(),
}
# The carriers whose manifests the vendor makes a form of.
FORM_CARRIERS = frozenset({"USPS"})
