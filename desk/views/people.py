"""One maintainer, one project: everything on record, without the address; and finding them."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from desk.gate import allowed, may
from desk.roles import Action
from desk.search import find
from desk.shell import desk_page
from desk.story import AT_MOST, story_of_person
from roster.models import Project


@never_cache
@require_safe
@allowed(Action.SEE_PERSON)
def person(request: HttpRequest, username: str) -> HttpResponse:
    story = story_of_person(username)
    if story is None:
        raise Http404("Nobody on the roster has this name.")
    return desk_page(request, "desk/person.html", {"story": story})


@require_safe
@allowed(Action.SEE_PERSON)
def project(request: HttpRequest, name: str) -> HttpResponse:
    found = Project.objects.filter(normalized_name=name).first()
    if found is None:
        raise Http404("There is no project of this name on record.")
    context = {
        "project": found,
        "designations": found.designations.order_by("designated_on", "reason"),
        "roles": found.roles.select_related("account").order_by("ended_on", "account__username")[:AT_MOST],
    }
    return desk_page(request, "desk/project.html", context)


@require_safe
@allowed(Action.SEE_DESK)
def search(request: HttpRequest) -> HttpResponse:
    """What is found, or straight to it when it is one thing: a scanner need not press anything."""
    query = request.GET.get("q", "").strip()
    roles = request.roles  # type: ignore[attr-defined]  # set by gate.allowed
    hits = [hit for hit in find(query) if may(roles, hit.action)]
    if len(hits) == 1:
        return HttpResponseRedirect(hits[0].url)
    return desk_page(request, "desk/search.html", {"query": query, "hits": hits})
