"""Appeals against a refusal, and disclaimers of a role."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from roster.models.shared import ACTOR_LENGTH

LONGEST_TEXT = 2_000


class Appeal(models.Model):
    """A person's appeal against a rule that refused them, and its answer."""

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
    answered_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    exception = models.OneToOneField(
        "roster.PolicyException", null=True, blank=True, on_delete=models.PROTECT, related_name="appeal"
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
    """A person's statement that a role is not (or no longer) theirs; the role stops counting."""

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
