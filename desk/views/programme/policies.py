"""Policies: edited as form or JSON, compared, previewed, and published by a second person."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib import messages
from django.core import signing
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from common import clock
from common.errors import KeydeskError
from desk.audit import recording
from desk.forms.edit_conflicts import ChangedMeanwhile, sign_values
from desk.forms.policy_form import PolicyForm, initial_of
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.claims.campaigns.policy_preview import preview_draft
from fulfillment.claims.models import Campaign
from roster.errors import PolicyError
from roster.models import Policy
from roster.rules import parse_policy
from roster.rules.policy_diff import policy_differences
from roster.services.policies import draft_policy, publish_draft

# The most names shown in a preview; its numbers count everyone.
NAMED = 50


@dataclass
class PolicyPage:
    """Additional context of the policy page: submitted form, errors and preview."""

    form: PolicyForm | None = None
    text: str = ""
    refusal: str = ""
    status: int = 200
    shown: Mapping[str, object] = field(default_factory=dict)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def policy(request: HttpRequest, version: str) -> HttpResponse:
    """Show a policy: rules, changes from the policy in force, and the draft form."""
    found = Policy.objects.filter(version=version).first()
    if request.method != "POST":
        if found is None:
            raise Http404("Policy version not found.")
        return _page(request, found, PolicyPage())
    if "document" in request.POST:
        return _take_json(request, found)
    return _take_form(request, found)


def _take_form(request: HttpRequest, found: Policy | None) -> HttpResponse:
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, found, PolicyPage(form=form, status=422))
    document = form.document()
    try:
        parse_policy(document)
        if request.POST.get("do") == "show":
            return _page(
                request, found, PolicyPage(form=form, shown={"asked": _differences(found, document)})
            )
        drafted = _draft(request, document)
    except PolicyError as refusal:
        form.name_problems(refusal.problems)
        return _page(request, found, PolicyPage(form=form, status=422))
    except KeydeskError as refusal:
        return _page(request, found, PolicyPage(form=form, refusal=str(refusal), status=409))
    return _drafted(request, drafted)


def _take_json(request: HttpRequest, found: Policy | None) -> HttpResponse:
    text = request.POST["document"]
    try:
        drafted = _draft(request, json.loads(text))
    except json.JSONDecodeError as error:
        return _page(
            request, found, PolicyPage(text=text, refusal=f"Line {error.lineno}: {error.msg}.", status=422)
        )
    except KeydeskError as refusal:
        status = 409 if isinstance(refusal, ChangedMeanwhile) else 422
        return _page(request, found, PolicyPage(text=text, refusal=str(refusal), status=status))
    return _drafted(request, drafted)


def _draft(request: HttpRequest, document: object) -> Policy:
    """Save a draft and an audit entry; an edit conflict is refused."""
    actor, now = staff_actor(request), clock.now()
    wanted = parse_policy(document).version
    with transaction.atomic(), connection.cursor() as cursor:
        # Two people creating the same version at once have no common row to lock.
        cursor.execute("LOCK TABLE roster_policy IN SHARE ROW EXCLUSIVE MODE")
        standing = Policy.objects.select_for_update().filter(version=wanted).first()
        before = standing.document if standing and standing.status == Policy.Status.DRAFT else {}
        if before and _seen(request) not in (None, before):
            raise ChangedMeanwhile
        drafted = draft_policy(document=document, actor=actor, now=now)
        recording.record_action(
            actor=actor,
            action="policy_drafted",
            subject_kind="policy",
            subject=drafted.version,
            before=before,
            after=drafted.document,
            now=now,
        )
    return drafted


def _seen(request: HttpRequest) -> object:
    """The draft shown when the form was opened, {} for none; None if the form does not include it."""
    try:
        return signing.loads(request.POST["seen"]) if "seen" in request.POST else None
    except signing.BadSignature:
        raise ChangedMeanwhile from None


def _drafted(request: HttpRequest, drafted: Policy) -> HttpResponse:
    messages.success(request, "Draft saved. Preview it; another member of staff must publish it.")
    return HttpResponseRedirect(reverse("desk:policy", args=[drafted.version]))


@never_cache
@require_POST
@allowed(Action.RUN_PROGRAMME)
def preview_policy(request: HttpRequest, version: str) -> HttpResponse:
    """Preview who becomes eligible and who loses eligibility under a draft."""
    found = Policy.objects.filter(version=version).first()
    if found is None:
        raise Http404("Policy version not found.")
    running = Campaign.objects.order_by("-opens_at").first()
    try:
        seen, _ = preview_draft(
            version=version, campaign=running, actor=staff_actor(request), now=clock.now()
        )
    except KeydeskError as refusal:
        return _page(request, found, PolicyPage(refusal=str(refusal), status=409))
    names = {"gained": seen.gained[:NAMED], "lost": seen.lost[:NAMED]}
    return _page(request, found, PolicyPage(shown={"preview": seen, "names": names}))


@never_cache
@require_POST
@allowed(Action.PUBLISH_POLICY)
def publish_policy_page(request: HttpRequest, version: str) -> HttpResponse:
    """Publish a previewed draft of another member of staff."""
    actor, now = staff_actor(request), clock.now()
    try:
        with transaction.atomic():
            published = publish_draft(version=version, actor=actor, now=now)
            recording.record_action(
                actor=actor,
                action="policy_published",
                subject_kind="policy",
                subject=version,
                before={"drafted_by": published.drafted_by},
                after={"effective_at": now.isoformat()},
                now=now,
            )
    except KeydeskError as refusal:
        found = Policy.objects.filter(version=version).first()
        if found is None:
            raise Http404("Policy version not found.") from None
        return _page(request, found, PolicyPage(refusal=str(refusal), status=409))
    messages.success(request, f"Policy {version} is published. Choose it on the page of each campaign.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _differences(found: Policy | None, document: object) -> list[str]:
    """The changes of a document from the policy it is based on."""
    return policy_differences(parse_policy(found.document), parse_policy(document)) if found else []


def _page(request: HttpRequest, found: Policy | None, page: PolicyPage) -> HttpResponse:
    running = Campaign.objects.select_related("policy").order_by("-opens_at").first()
    difference: list[str] = []
    if found is not None and running is not None and running.policy_id != found.pk:
        difference = policy_differences(parse_policy(running.policy.document), parse_policy(found.document))
    is_draft = found is not None and found.status == Policy.Status.DRAFT
    standing = found.document if found is not None else {"rules": []}
    # A published version is the basis of a new version with its own name.
    form = page.form or PolicyForm(
        initial=initial_of(standing, version=found.version if found is not None and is_draft else "")
    )
    context = {
        "policy": found,
        "form": form,
        "is_draft": is_draft,
        "seen": request.POST.get("seen") or sign_values(standing if is_draft else {}),
        "text": page.text or json.dumps(standing, indent=2),
        "expert": bool(page.text),
        "refusal": page.refusal,
        "difference": difference,
        "running": running,
        "is_mine": found is not None and found.drafted_by == staff_actor(request),
        **page.shown,
    }
    return desk_page(request, "desk/policy.html", context, status=page.status)
