"""The audit trail: searched, paged and exported."""

import csv
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from desk.gate import allowed
from desk.models import AuditEntry
from desk.roles import Action
from desk.shell import desk_page

PAGE = 50
COLUMNS = (
    *("position", "at", "actor", "action", "subject_kind", "subject", "reason", "before", "after"),
    "hash",
)


class TrailForm(forms.Form):
    """What of the trail to show; each empty field asks for all."""

    actor = forms.CharField(required=False, max_length=150, label="Who", help_text="Such as staff:robin")
    action = forms.CharField(required=False, max_length=64, label="Did what")
    subject = forms.CharField(required=False, max_length=150, label="To what", help_text="A code or a serial")
    since = forms.DateField(required=False, label="From")
    until = forms.DateField(required=False, label="Until")
    # The position of the last entry of the page before.
    after = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def entries(self) -> QuerySet[AuditEntry]:
        """What is asked for, newest first."""
        asked: dict[str, Any] = self.cleaned_data
        filters: dict[str, Any] = {
            name: asked[name] for name in ("actor", "action", "subject") if asked.get(name)
        }
        if asked.get("since"):
            filters["at__gte"] = _midnight(asked["since"])
        if asked.get("until"):
            filters["at__lt"] = _midnight(asked["until"] + timedelta(days=1))
        if asked.get("after"):
            filters["position__lt"] = asked["after"]
        return AuditEntry.objects.filter(**filters).order_by("-position")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone())


@require_safe
@allowed(Action.SEE_AUDIT)
def trail(request: HttpRequest) -> HttpResponse:
    form = TrailForm(request.GET)
    found = list(form.entries()[: PAGE + 1]) if form.is_valid() else []
    more = request.GET.copy()
    if len(found) > PAGE:
        more["after"] = str(found[PAGE - 1].position)
    everything = request.GET.copy()
    everything.pop("after", None)
    context = {
        "form": form,
        "entries": found[:PAGE],
        "more": more.urlencode() if len(found) > PAGE else "",
        "everything": everything.urlencode(),
    }
    return desk_page(request, "desk/audit.html", context, status=422 if form.errors else 200)


@require_safe
@allowed(Action.SEE_AUDIT)
def export(request: HttpRequest) -> HttpResponseBase:
    """All that the filter finds, as CSV, with each entry's hash; it streams."""
    form = TrailForm(request.GET)
    if not form.is_valid():
        return trail(request)
    answer = StreamingHttpResponse(_lines(form.entries()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


class _Echo:
    """A file for the CSV writer that gives each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries.iterator(chunk_size=1_000):
        yield writer.writerow([_cell(getattr(entry, column)) for column in COLUMNS])


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    text = str(value)
    # A spreadsheet would run a text that begins like a formula.
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
