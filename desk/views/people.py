"""Pages about one maintainer or project, without the address."""

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import clock
from desk.layout import desk_page
from desk.permissions import allowed, may
from desk.roles import Action
from desk.selectors.search import search_all
from desk.selectors.timelines import AT_MOST, person_history
from roster.models import Project
from roster.rules import NEVER_LIFTED, RULES
from roster.rules.policy_diff import TITLES


class ExceptionForm(forms.Form):
    """A rule to lift for one person; another member of staff approves it."""

    rule = forms.ChoiceField(
        choices=[(rule, f"{TITLES[rule]} ({rule})") for rule in sorted(set(RULES) - NEVER_LIFTED)]
    )
    reason = forms.CharField(
        max_length=300,
        help_text="The person sees this.",
        error_messages={"required": "Enter a reason of at least a sentence. The person sees it."},
    )
    days = forms.IntegerField(min_value=1, max_value=365, initial=90, label="Days the exception lasts")


class DesignationForm(forms.Form):
    """The reason to designate a project by hand."""

    reason = forms.CharField(
        max_length=255,
        label="Why it is critical",
        help_text="This is public and permanent.",
        error_messages={"required": "Enter a reason. It is public."},
    )


class RenameForm(forms.Form):
    """The new name of a project."""

    new_name = forms.CharField(max_length=255, label="New name")
    note = forms.CharField(max_length=255, required=False, help_text="For example where it was announced.")


@never_cache
@require_safe
@allowed(Action.SEE_PERSON)
def person_detail(request: HttpRequest, username: str) -> HttpResponse:
    return person_page(request, username)


def person_page(
    request: HttpRequest, username: str, *, exception_form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    """Args: exception_form: the submitted form, if it was refused."""
    story = person_history(username)
    if story is None:
        raise Http404("No one on the roster has this username.")
    context = {"story": story, "exception_form": exception_form or ExceptionForm(), "now": clock.now()}
    return desk_page(request, "desk/person.html", context, status=status)


@require_safe
@allowed(Action.SEE_PERSON)
def project_detail(request: HttpRequest, name: str) -> HttpResponse:
    return project_page(request, name)


def project_page(
    request: HttpRequest,
    name: str,
    *,
    designation_form: forms.Form | None = None,
    rename_form: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    """Args: designation_form, rename_form: the submitted forms, if they were refused."""
    found = Project.objects.filter(normalized_name=name).first()
    if found is None:
        raise Http404("Project not found.")
    context = {
        "project": found,
        "designations": found.designations.order_by("designated_on", "reason"),
        "events": found.events.select_related("successor").order_by("recorded_at", "pk")[:AT_MOST],
        "designation_form": designation_form or DesignationForm(),
        "rename_form": rename_form or RenameForm(),
        "roles": found.roles.select_related("account").order_by("ended_on", "account__username")[:AT_MOST],
    }
    return desk_page(request, "desk/project.html", context, status=status)


@require_safe
@allowed(Action.SEE_DESK)
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the results, or redirect to a single result, so that scanning needs no click."""
    query = request.GET.get("q", "").strip()
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    hits = [hit for hit in search_all(query) if may(roles, hit.action)]
    if len(hits) == 1:
        return HttpResponseRedirect(hits[0].url)
    return desk_page(request, "desk/search.html", {"query": query, "hits": hits})
