"""Delegations: the people an organisation or owner named for a project."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from roster.models.shared import ACTOR_LENGTH

# Maximum number of people named for one project.
DELEGATES_PER_PROJECT = 5


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def live(self) -> "DelegationQuerySet":
        return self.filter(ended_at=None)


class Delegation(models.Model):
    """An organisation's account, or an owner, names a person behind a project.

    It counts as long as its author may name people for the project.
    """

    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="delegations")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="delegations")
    delegated_by = models.ForeignKey(
        "roster.Account", on_delete=models.PROTECT, related_name="delegations_made"
    )
    slot = models.PositiveSmallIntegerField(help_text="Its place among those the project may have.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(slot__gte=1, slot__lte=DELEGATES_PER_PROJECT),
                name="a_project_has_so_many_delegates",
            ),
            models.UniqueConstraint(
                fields=["project", "slot"], condition=Q(ended_at=None), name="one_delegate_per_place"
            ),
            models.UniqueConstraint(
                fields=["project", "account"], condition=Q(ended_at=None), name="named_once_per_project"
            ),
            models.CheckConstraint(condition=~Q(account=F("delegated_by")), name="nobody_names_themselves"),
        ]
        triggers = [pgtrigger.Protect(name="delegations_stay", operation=pgtrigger.Delete)]
