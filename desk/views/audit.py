"""The activity log: search, pages and export."""

import csv
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from desk.audit.activity_log import SOURCES, ActivityFilter, activity_page, activity_rows, read_cursor
from desk.layout import desk_page
from desk.permissions import allowed
from desk.roles import Action

PAGE = 50
_DAY = forms.DateInput(attrs={"type": "date"})
COLUMNS = (
    *("at", "source", "actor", "action", "subject_kind", "subject", "reason", "before", "after"),
    "hash",
)


class ActivityLogForm(forms.Form):
    """Filters of the activity log; an empty field matches all."""

    source = forms.ChoiceField(
        required=False,
        choices=[("", "Everything"), *((one.name, one.label) for one in SOURCES)],
        label="Of",
    )
    actor = forms.CharField(required=False, max_length=150, label="Who", help_text="For example staff:robin")
    action = forms.CharField(required=False, max_length=64, label="Action")
    subject = forms.CharField(required=False, max_length=150, label="Subject", help_text="A code or a serial")
    since = forms.DateField(required=False, label="From", widget=_DAY)
    until = forms.DateField(required=False, label="Until", widget=_DAY)
    # The last line of the page before.
    after = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)

    def clean_after(self) -> str:
        after = str(self.cleaned_data["after"])
        try:
            return after and read_cursor(after) and after
        except ValueError:
            return ""

    def asked(self) -> ActivityFilter:
        found = self.cleaned_data
        since, until = found.get("since"), found.get("until")
        texts = {name: found.get(name, "") for name in ("source", "actor", "action", "subject", "after")}
        return ActivityFilter(
            since=_midnight(since) if since else None,
            until=_midnight(until + timedelta(days=1)) if until else None,
            **texts,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone())


@require_safe
@allowed(Action.SEE_AUDIT)
def activity_log(request: HttpRequest) -> HttpResponse:
    form = ActivityLogForm(request.GET)
    lines, after = activity_page(form.asked(), size=PAGE) if form.is_valid() else ([], "")
    more, everything_asked = request.GET.copy(), request.GET.copy()
    more["after"] = after
    everything_asked.pop("after", None)
    context = {
        "form": form,
        "entries": lines,
        "more": more.urlencode() if after else "",
        "everything": everything_asked.urlencode(),
    }
    return desk_page(request, "desk/audit.html", context, status=422 if form.errors else 200)


@require_safe
@allowed(Action.SEE_AUDIT)
def export_activity(request: HttpRequest) -> HttpResponseBase:
    """Stream all matching entries as CSV, with the hash of each chained entry."""
    form = ActivityLogForm(request.GET)
    if not form.is_valid():
        return activity_log(request)
    answer = StreamingHttpResponse(_lines(form.asked()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


class _Echo:
    """A file object that returns each line to the CSV writer."""

    def write(self, line: str) -> str:
        return line


def _lines(asked: ActivityFilter) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for line in activity_rows(asked):
        yield writer.writerow([_cell(getattr(line, column)) for column in COLUMNS])


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    text = str(value)
    # Spreadsheets evaluate text that begins like a formula.
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
