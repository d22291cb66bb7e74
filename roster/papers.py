"""What people say of themselves and what staff decide about them, each with its names and dates.

The decision reads these as facts: an exception lifts a rule, a delegation stands in for a role, a disclaimer
takes one away. What became of each is kept; `AccountEvent` and `ProjectEvent` are the trail, and append-only.
"""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_noop as _

from common.triggers import append_only

# How many people an organisation and the owners together may name for one project.
DELEGATES_PER_PROJECT = 5
LONGEST_TEXT = 2_000
_ACTOR = 150


class ProjectEvent(models.Model):
    """Something that happened to a project on the index; its status is not touched by any of it."""

    class Kind(models.TextChoices):
        DELETED = "deleted", _("vanished from the index")
        RECREATED = "recreated", _("recreated under the same name")
        RENAMED = "renamed", _("got another name")
        TRANSFERRED = "transferred", _("changed all its owners")

    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind)
    on = models.DateField()
    successor = models.ForeignKey(
        "roster.Project", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors"
    )
    note = models.CharField(max_length=255, blank=True)
    recorded_by = models.CharField(max_length=_ACTOR)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="renamed", successor__isnull=False)
                | ~Q(kind="renamed") & Q(successor__isnull=True),
                name="a_rename_names_the_new_project",
            ),
            models.CheckConstraint(
                condition=~Q(successor=F("project")), name="a_rename_is_to_another_project"
            ),
        ]
        triggers = append_only("project_events")


class AccountEvent(models.Model):
    """One thing that was said or decided about an account: who did it, when, and the paper it is about."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="events")
    name = models.CharField(max_length=40)
    actor = models.CharField(max_length=_ACTOR)
    at = models.DateTimeField()
    data = models.JSONField(default=dict, help_text="Ids, rules and project names; never an address.")

    class Meta:
        indexes = [models.Index(fields=["account", "at"], name="account_events_by_time")]
        triggers = append_only("account_events")


class PolicyPreview(models.Model):
    """Somebody saw who gains and who loses by a policy, at what size; a draft needs one to be published."""

    policy = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="previews")
    document = models.JSONField(help_text="The rules as they were when previewed.")
    compared_with = models.CharField(max_length=64, blank=True)
    counts = models.JSONField()
    previewed_by = models.CharField(max_length=_ACTOR)
    previewed_at = models.DateTimeField()

    class Meta:
        triggers = append_only("policy_previews")


class HeldList(models.Model):
    """A list that would shrink the roster more than it may without a second person's word.

    The file itself is not kept: once approved, the same file is taken in when it comes again, one time.
    """

    kind = models.CharField(max_length=16)
    source = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    rows_before = models.PositiveBigIntegerField()
    held_at = models.DateTimeField()
    held_by = models.CharField(max_length=_ACTOR)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=_ACTOR, blank=True)
    approval_note = models.CharField(max_length=255, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sha256"], condition=Q(used_at=None), name="one_hold_per_list"
            ),
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by="", used_at=None)
                | Q(approved_at__isnull=False) & ~Q(approved_by="") & ~Q(approved_by=F("held_by")),
                name="a_held_list_needs_a_second_name",
            ),
        ]


class PolicyExceptionQuerySet(models.QuerySet["PolicyException"]):
    def in_force(self, now: datetime) -> "PolicyExceptionQuerySet":
        return self.filter(granted_at__lte=now, expires_at__gt=now, ended_at=None)

    def awaiting_a_second_name(self, now: datetime) -> "PolicyExceptionQuerySet":
        return self.filter(granted_at=None, ended_at=None, expires_at__gt=now)


class PolicyException(models.Model):
    """One rule lifted for one account, with reason and expiry: asked for by one of the staff, granted by
    another."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="exceptions")
    rule = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, help_text="The person reads it.")
    requested_by = models.CharField(max_length=_ACTOR)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    granted_by = models.CharField(max_length=_ACTOR, blank=True)
    granted_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=_ACTOR, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Refused before, or revoked after.")
    ended_because = models.CharField(max_length=300, blank=True)

    objects = PolicyExceptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="an_exception_says_why"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")), name="an_exception_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(granted_at=None, granted_by="")
                | Q(granted_at__isnull=False) & ~Q(granted_by="") & ~Q(granted_by=F("requested_by")),
                name="an_exception_needs_a_second_name",
            ),
            models.UniqueConstraint(
                fields=["account", "rule"],
                condition=Q(ended_at=None, granted_at=None),
                name="one_request_for_an_exception_at_a_time",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="exceptions_stay", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="granted_exceptions_only_end",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__granted_at__isnull=False)
                & (
                    pgtrigger.Q(old__rule__df=pgtrigger.F("new__rule"))
                    | pgtrigger.Q(old__account__df=pgtrigger.F("new__account"))
                    | pgtrigger.Q(old__expires_at__df=pgtrigger.F("new__expires_at"))
                    | pgtrigger.Q(old__granted_by__df=pgtrigger.F("new__granted_by"))
                    | pgtrigger.Q(old__requested_by__df=pgtrigger.F("new__requested_by"))
                ),
            ),
        ]


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def live(self) -> "DelegationQuerySet":
        return self.filter(ended_at=None)


class Delegation(models.Model):
    """An organisation's account, or an owner, names a person behind a project.

    It counts as long as who named them may still speak for the project.
    """

    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="delegations")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="delegations")
    delegated_by = models.ForeignKey(
        "roster.Account", on_delete=models.PROTECT, related_name="delegations_made"
    )
    slot = models.PositiveSmallIntegerField(help_text="Its place among those the project may have.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=_ACTOR, blank=True)

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


class Appeal(models.Model):
    """A person asks for another look at a rule that does not admit them; a person answers."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting for an answer")
        GRANTED = "granted", _("granted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("taken back")

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="appeals")
    rule = models.CharField(max_length=64)
    decision = models.ForeignKey(
        "roster.Decision", null=True, blank=True, on_delete=models.PROTECT, related_name="appeals"
    )
    text = models.TextField(blank=True, help_text="What the person wrote; emptied when they are forgotten.")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered_by = models.CharField(max_length=_ACTOR, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    exception = models.OneToOneField(
        PolicyException, null=True, blank=True, on_delete=models.PROTECT, related_name="appeal"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "rule"], condition=Q(state="open"), name="one_open_appeal_per_rule"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "withdrawn"], answered_at=None)
                | Q(state__in=["granted", "declined"], answered_at__isnull=False)
                & ~Q(answered_by="")
                & ~Q(answer=""),
                name="an_answer_has_words_and_a_name",
            ),
            models.CheckConstraint(
                condition=~Q(state="granted") | Q(exception__isnull=False),
                name="what_is_granted_is_an_exception",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="appeals_stay", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="appeals_are_answered_once",
                field="state",
                transitions=[("open", "granted"), ("open", "declined"), ("open", "withdrawn")],
            ),
        ]


class DisclaimerQuerySet(models.QuerySet["Disclaimer"]):
    def live(self) -> "DisclaimerQuerySet":
        return self.filter(withdrawn_at=None)


class Disclaimer(models.Model):
    """A person says that a role on the roster is not (or no longer) theirs; it stops counting."""

    class Kind(models.TextChoices):
        NO_LONGER = "no_longer", _("I no longer maintain this")
        NOT_ME = "not_me", _("This is not me")

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="disclaimers")
    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="disclaimers")
    kind = models.CharField(max_length=10, choices=Kind)
    said_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = DisclaimerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "project"], condition=Q(withdrawn_at=None), name="one_disclaimer_per_role"
            ),
        ]
