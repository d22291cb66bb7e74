"""Optimistic locking for forms: a signed copy of the values shown, compared on submit."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.core import signing
from django.db.models import QuerySet

from common.errors import KeydeskError
from desk.audit import recording


class ChangedMeanwhile(KeydeskError):
    """Another person changed the object since the form was opened; nothing was changed."""

    code = "changed_meanwhile"

    def __init__(self) -> None:
        super().__init__(
            "Someone else has changed this since you opened it. Reload the page and check the changes."
        )


WORKED_MEANWHILE = (
    "Someone else has worked on this case since you opened it. Check the history below, then decide again."
)


def refuse_stale_entries(entries: QuerySet[Any], seen: int, *, actor: str, now: datetime) -> None:
    """Check for new entries; call last in the action's transaction, which has locked the case.

    Raises: ChangedMeanwhile: an entry was added after the page was opened with `seen` entries, other than
        by this action (this actor at this time).
    """
    first = entries.order_by("id")[seen : seen + 1].values_list("actor", "at").first()
    if first is not None and first != (actor, now):
        raise ChangedMeanwhile


def audited(
    entries: QuerySet[Any], seen: int, *, actor: str, now: datetime, **entry: Any
) -> Callable[[], None]:
    """The last step of a case action's transaction: `refuse_stale_entries`, then the audit entry."""

    def record() -> None:
        refuse_stale_entries(entries, seen, actor=actor, now=now)
        recording.record_action(actor=actor, now=now, **entry)

    return record


class SeenField(forms.CharField):
    """A hidden field with signed values."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)

    def clean(self, value: Any) -> Any:
        try:
            return signing.loads(super().clean(value))
        except signing.BadSignature:
            raise forms.ValidationError("Reload this page.") from None


def sign_values(seen: object) -> str:
    return signing.dumps(seen)
