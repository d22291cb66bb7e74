"""Public pages about critical projects and the reasons; they name no person."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common import clock
from roster.files.names import is_project_name, normalized
from roster.localization import why_critical
from roster.models import Designation, Project, ProjectEvent
from roster.selectors import designation_reason, project_history

FOUND_AT_MOST = 50


@require_safe
def project_search(request: HttpRequest) -> HttpResponse:
    """Find a critical project by the beginning of its name."""
    asked = request.GET.get("q", "").strip()[:100]
    found: list[Project] = []
    if asked:
        starts = normalized(asked) if is_project_name(asked) else None
        if starts is not None:
            critical = Project.objects.critical()
            found = list(
                critical.filter(normalized_name__gte=starts, normalized_name__lt=f"{starts}~").order_by(
                    "normalized_name"
                )[:FOUND_AT_MOST]
            )
        if len(found) == 1 and starts == found[0].normalized_name:
            return redirect("projects:project", found[0].normalized_name)
    return render(request, "pages/projects.html", {"asked": asked, "found": found, "most": FOUND_AT_MOST})


@require_safe
def public_project_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a critical project: date, reasons, rank and events."""
    if not is_project_name(name):
        raise Http404
    if name != normalized(name):
        return redirect("projects:project", normalized(name), permanent=True)
    history = project_history(name=name)
    if history is None or history.project.critical_since is None:
        return render(request, "pages/project_not_critical.html", {"name": name}, status=404)
    return render(
        request,
        "pages/project.html",
        {
            "project": history.project,
            "days": (clock.now().date() - history.project.critical_since).days,
            "reasons": [_designation_context(one) for one in history.designations],
            "events": [_event_context(one) for one in history.events],
        },
    )


def _designation_context(designation: Designation) -> dict[str, object]:
    snapshot = designation.snapshot
    return {
        "designation": designation,
        "why": why_critical(designation_reason(designation)),
        "window": snapshot if snapshot and snapshot.window_start else None,
        "source": snapshot,
    }


def _event_context(event: ProjectEvent) -> dict[str, object]:
    sentences = {
        ProjectEvent.Kind.DELETED: _("It was deleted from the index. It is still critical."),
        ProjectEvent.Kind.RECREATED: _(
            "It was recreated under the same name and is still critical. For a while, we review claims by "
            "its new maintainers."
        ),
        ProjectEvent.Kind.RENAMED: _("It was renamed. Both names are critical."),
        ProjectEvent.Kind.TRANSFERRED: _("All its owners changed. It is still critical."),
    }
    return {"event": event, "says": sentences[ProjectEvent.Kind(event.kind)]}
