"""The programme: campaigns, policies, waves, prices, regions. What is changed is audited before and after."""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import clock
from config.errors import BadRequest, KeydeskError
from desk import audit
from desk.gate import actor_of, allowed
from desk.roles import Action
from desk.shell import desk_page
from fulfillment.claims.models import Campaign, PriceList, Region
from fulfillment.claims.services.campaigns import CHANGEABLE, change_campaign
from fulfillment.claims.services.previewing import preview_draft
from fulfillment.claims.services.waves import Cohort, cancel_wave, plan_wave
from fulfillment.claims.waves import Wave
from roster.models import Policy
from roster.rules import parse_policy
from roster.rules.difference import differences
from roster.services.policies import draft_policy, publish_draft

# Of a preview's names, what somebody reads; the numbers are of everybody.
NAMED = 50
_WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    """A campaign as it should be; `seen` is how it was when the form was opened, signed."""

    seen = forms.CharField(widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = ("name", "sponsor", "opens_at", "closes_at", "per_claim", "offer_days", "policy")
        widgets = {"opens_at": _WHEN, "closes_at": _WHEN}

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["policy"].queryset = Policy.objects.filter(  # type: ignore[attr-defined]
            status=Policy.Status.PUBLISHED
        ).order_by("-published_at")
        self.fields["policy"].label_from_instance = lambda policy: policy.version  # type: ignore[attr-defined]

    def clean_seen(self) -> dict[str, Any]:
        try:
            seen: dict[str, Any] = signing.loads(self.cleaned_data["seen"])
        except signing.BadSignature:
            raise forms.ValidationError("Load this page again.") from None
        for name in ("opens_at", "closes_at"):
            seen[name] = datetime.fromisoformat(seen[name])
        return seen


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


@never_cache
@require_safe
@allowed(Action.RUN_PROGRAMME)
def programme(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    context = {
        "campaigns": Campaign.objects.select_related("policy").order_by("-opens_at"),
        "policies": Policy.objects.order_by("-drafted_at")[:NAMED],
        "waves": Wave.objects.select_related("campaign").order_by("-invites_at")[:NAMED],
        "prices": PriceList.objects.in_force(now).select_related("campaign"),
        "regions": Region.objects.in_force(now)
        .select_related("key_model")
        .order_by("country", "subdivision"),
        "now": now,
    }
    return desk_page(request, "desk/programme.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def campaign(request: HttpRequest, slug: str) -> HttpResponse:
    """A campaign's dates, allotment and policy. A form opened before somebody else's change is refused."""
    found = Campaign.objects.filter(slug=slug).first()
    if found is None:
        raise Http404("There is no campaign of this name.")
    seen = signing.dumps(_plain({name: getattr(found, name) for name in CHANGEABLE}))
    if request.method != "POST":
        return _campaign_page(request, CampaignForm(instance=found, initial={"seen": seen}))
    form = CampaignForm(request.POST, instance=found)
    if not form.is_valid():
        return _campaign_page(request, form, 422)
    wanted = {name: form.cleaned_data[name] for name in CHANGEABLE if name != "policy_id"}
    wanted["policy_id"] = form.cleaned_data["policy"].pk
    try:
        _change_campaign(request, slug, form.cleaned_data["seen"], wanted)
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field, error.message)
        return _campaign_page(request, form, 422)
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return _campaign_page(request, form, 409)
    messages.success(request, "Changed. It is in the audit trail.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _change_campaign(request: HttpRequest, slug: str, seen: dict[str, Any], wanted: dict[str, Any]) -> None:
    now = clock.now()
    with transaction.atomic():
        before, after = change_campaign(slug=slug, seen=seen, wanted=wanted, now=now)
        if after:
            audit.record(
                actor=actor_of(request),
                action="campaign_changed",
                subject_kind="campaign",
                subject=slug,
                before=_plain(before),
                after=_plain(after),
                now=now,
            )


def _campaign_page(request: HttpRequest, form: CampaignForm, status: int = 200) -> HttpResponse:
    return desk_page(request, "desk/campaign.html", {"form": form, "campaign": form.instance}, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def policy(request: HttpRequest, version: str) -> HttpResponse:
    """A policy: its rules, how they differ from those in force, and its draft to be changed."""
    found = Policy.objects.filter(version=version).first()
    if request.method != "POST":
        if found is None:
            raise Http404("There is no policy of this version.")
        return _policy_page(request, found, json.dumps(found.document, indent=2))
    text, actor, now = request.POST.get("document", ""), actor_of(request), clock.now()
    try:
        document = json.loads(text)
        with transaction.atomic():
            before = found.document if found is not None and found.status == Policy.Status.DRAFT else {}
            drafted = draft_policy(document=document, actor=actor, now=now)
            audit.record(
                actor=actor,
                action="policy_drafted",
                subject_kind="policy",
                subject=drafted.version,
                before=before,
                after=drafted.document,
                now=now,
            )
    except json.JSONDecodeError as error:
        return _policy_page(request, found, text, f"Line {error.lineno}: {error.msg}.", 422)
    except KeydeskError as refusal:
        return _policy_page(request, found, text, str(refusal), 422)
    messages.success(request, "Drafted. Preview it; somebody else publishes it.")
    return HttpResponseRedirect(reverse("desk:policy", args=[drafted.version]))


@never_cache
@require_POST
@allowed(Action.RUN_PROGRAMME)
def preview_policy(request: HttpRequest, version: str) -> HttpResponse:
    """Who gains and who loses by a draft, over the whole roster."""
    found = Policy.objects.filter(version=version).first()
    if found is None:
        raise Http404("There is no policy of this version.")
    text = json.dumps(found.document, indent=2)
    running = Campaign.objects.order_by("-opens_at").first()
    try:
        seen, _ = preview_draft(version=version, campaign=running, actor=actor_of(request), now=clock.now())
    except KeydeskError as refusal:
        return _policy_page(request, found, text, str(refusal), 409)
    names = {"gained": seen.gained[:NAMED], "lost": seen.lost[:NAMED]}
    return _policy_page(request, found, text, preview=seen, names=names)


@never_cache
@require_POST
@allowed(Action.PUBLISH_POLICY)
def publish_policy(request: HttpRequest, version: str) -> HttpResponse:
    """The second name: a draft somebody else wrote and somebody previewed comes into force."""
    actor, now = actor_of(request), clock.now()
    try:
        with transaction.atomic():
            published = publish_draft(version=version, actor=actor, now=now)
            audit.record(
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
            raise Http404("There is no policy of this version.") from None
        return _policy_page(request, found, json.dumps(found.document, indent=2), str(refusal), 409)
    messages.success(request, f"Policy {version} is published. Campaigns take it up on their own page.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _policy_page(
    request: HttpRequest, found: Policy | None, text: str, refusal: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    running = Campaign.objects.select_related("policy").order_by("-opens_at").first()
    difference: list[str] = []
    if found is not None and running is not None and running.policy_id != found.pk:
        difference = differences(parse_policy(running.policy.document), parse_policy(found.document))
    context = {
        "policy": found,
        "text": text,
        "refusal": refusal,
        "difference": difference,
        "running": running,
        "is_mine": found is not None and found.drafted_by == actor_of(request),
        **more,
    }
    return desk_page(request, "desk/policy.html", context, status=status)


class WaveForm(forms.Form):
    """Whom to invite together, and when. Lists are separated by commas or blanks."""

    campaign = forms.ModelChoiceField(Campaign.objects.order_by("-opens_at"), to_field_name="slug")
    name = forms.CharField(max_length=100)
    invites_at = forms.DateTimeField(widget=_WHEN, label="Invited from")
    first_rank = forms.IntegerField(min_value=1, required=False)
    last_rank = forms.IntegerField(min_value=1, required=False)
    projects = forms.CharField(required=False)
    countries = forms.CharField(required=False)
    usernames = forms.CharField(required=False)

    def cohort(self) -> Cohort:
        asked = self.cleaned_data
        lists = {
            name: asked[name].replace(",", " ").split() for name in ("projects", "countries", "usernames")
        }
        return Cohort(first_rank=asked["first_rank"], last_rank=asked["last_rank"], **lists)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def wave(request: HttpRequest) -> HttpResponse:
    """Plan a wave, or call one off that has not begun."""
    if request.POST.get("cancel", "").isdecimal():
        return _cancel_wave(request, int(request.POST["cancel"][:18]))
    form = WaveForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return desk_page(request, "desk/wave.html", {"form": form}, status=422 if form.errors else 200)
    actor, now, asked = actor_of(request), clock.now(), form.cleaned_data
    try:
        with transaction.atomic():
            made = plan_wave(
                campaign=asked["campaign"],
                name=asked["name"],
                cohort=form.cohort(),
                invites_at=asked["invites_at"],
                actor=actor,
                now=now,
            )
            audit.record(
                actor=actor,
                action="wave_planned",
                subject_kind="wave",
                subject=made.name,
                after={**made.cohort, "invites_at": made.invites_at.isoformat()},
                now=now,
            )
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        return desk_page(request, "desk/wave.html", {"form": form}, status=422)
    messages.success(request, f"Wave {made.name} is planned: {made.invitations.count()} people.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _cancel_wave(request: HttpRequest, wave_id: int) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    try:
        with transaction.atomic():
            cancel_wave(wave_id=wave_id, actor=actor, now=now)
            name = Wave.objects.get(pk=wave_id).name
            audit.record(actor=actor, action="wave_cancelled", subject_kind="wave", subject=name, now=now)
    except KeydeskError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Wave {name} is called off.")
    return HttpResponseRedirect(reverse("desk:programme"))
