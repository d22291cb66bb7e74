"""Staff changes to one person or project: exceptions, designations, renames. Each is audited."""

from datetime import timedelta

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from common import clock
from common.errors import BadRequest, KeydeskError
from desk.audit import recording
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from desk.views.people import DesignationForm, ExceptionForm, RenameForm, person_page, project_page
from fulfillment.claims.services import appeal_decisions
from roster.errors import UnknownProject
from roster.models import Account, PolicyException, Project
from roster.services.exceptions import request_exception
from roster.services.projects import designate_by_hand, rename_project


@require_POST
@allowed(Action.PROPOSE_EXCEPTION)
def propose_exception(request: HttpRequest, username: str) -> HttpResponse:
    account = Account.objects.named(username).first()
    if account is None:
        raise Http404("No one on the roster has this username.")
    form = ExceptionForm(request.POST)
    if not form.is_valid():
        return person_page(request, username, exception_form=form, status=422)
    actor, now, asked = staff_actor(request), clock.now(), form.cleaned_data
    try:
        with transaction.atomic():
            made = request_exception(
                account_id=account.pk,
                rule=asked["rule"],
                reason=asked["reason"],
                expires_at=now + timedelta(days=asked["days"]),
                actor=actor,
                now=now,
            )
            recording.record_action(
                actor=actor,
                action="exception_requested",
                subject_kind="person",
                subject=account.username,
                reason=made.reason,
                after={"rule": made.rule, "expires_at": made.expires_at.isoformat()},
                now=now,
            )
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return person_page(request, username, exception_form=form, status=409)
    messages.success(request, "Requested. It takes effect when another member of staff approves it.")
    return HttpResponseRedirect(reverse("desk:person", args=[account.username]))


@require_POST
@allowed(Action.APPROVE_EXCEPTION)
def revoke_exception(request: HttpRequest, exception_id: int) -> HttpResponse:
    """Revoke a granted exception; existing claims do not change."""
    found = PolicyException.objects.select_related("account").filter(pk=exception_id).first()
    if found is None or found.granted_at is None:
        raise Http404("Exception not found.")
    actor, now, because = staff_actor(request), clock.now(), request.POST.get("because", "")
    try:
        with transaction.atomic():
            appeal_decisions.end_exception_and_notify(
                exception_id=exception_id, because=because, actor=actor, now=now
            )
            recording.record_action(
                actor=actor,
                action="exception_revoked",
                subject_kind="person",
                subject=found.account.username,
                reason=because,
                before={"granted_by": found.granted_by, "expires_at": found.expires_at.isoformat()},
                after={"rule": found.rule},
                now=now,
            )
    except KeydeskError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Revoked.")
    return HttpResponseRedirect(reverse("desk:person", args=[found.account.username]))


@require_POST
@allowed(Action.RUN_PROGRAMME)
def designate(request: HttpRequest, name: str) -> HttpResponse:
    project = _project(name)
    form = DesignationForm(request.POST)
    if not form.is_valid():
        return project_page(request, name, designation_form=form, status=422)
    actor, now = staff_actor(request), clock.now()
    with transaction.atomic():
        made = designate_by_hand(name=project.name, reason=form.cleaned_data["reason"], actor=actor, now=now)
        recording.record_action(
            actor=actor,
            action="project_designated",
            subject_kind="project",
            subject=project.normalized_name,
            reason=made.note,
            before={"critical_since": project.critical_since and project.critical_since.isoformat()},
            after={"critical_since": (project.critical_since or made.designated_on).isoformat()},
            now=now,
        )
    messages.success(request, f"{project.name} is critical.")
    return HttpResponseRedirect(reverse("desk:project", args=[name]))


@require_POST
@allowed(Action.RUN_PROGRAMME)
def rename(request: HttpRequest, name: str) -> HttpResponse:
    project = _project(name)
    form = RenameForm(request.POST)
    if not form.is_valid():
        return project_page(request, name, rename_form=form, status=422)
    actor, now, asked = staff_actor(request), clock.now(), form.cleaned_data
    try:
        with transaction.atomic():
            new = rename_project(
                name=project.name, new_name=asked["new_name"], note=asked["note"], actor=actor, now=now
            )
            recording.record_action(
                actor=actor,
                action="project_renamed",
                subject_kind="project",
                subject=project.normalized_name,
                reason=asked["note"],
                before={"name": project.name},
                after={"name": new.name},
                now=now,
            )
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        return project_page(request, name, rename_form=form, status=422)
    messages.success(request, f"{project.name} is {new.name} now.")
    return HttpResponseRedirect(reverse("desk:project", args=[new.normalized_name]))


def _project(name: str) -> Project:
    found = Project.objects.filter(normalized_name=name).first()
    if found is None:
        raise Http404(str(UnknownProject(name)))
    return found
