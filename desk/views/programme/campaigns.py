"""The programme page, campaigns and waves. Changes are audited with values before and after."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from common import clock
from common.errors import BadRequest, KeydeskError
from desk.audit import recording
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.claims.campaigns.invitations import Cohort, cancel_wave, plan_wave
from fulfillment.claims.campaigns.setup import (
    CHANGEABLE,
    CampaignSettings,
    add_campaign,
    campaign_settings,
    change_campaign,
)
from fulfillment.claims.models import Campaign, PriceList, Region, Wave
from inventory.models import KeyModel
from roster.models import Policy
from roster.policies import shipped_policy
from roster.services.policies import publish_policy

# The most names shown in a preview; its numbers count everyone.
NAMED = 50
FIRST_POLICY = "keydesk-default"
_NEVER = "0001-01-01T00:00:00+00:00"
_WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form for a campaign; `seen` is its signed state when the form was opened."""

    seen = forms.CharField(widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = (
            *("slug", "name", "sponsor", "opens_at", "closes_at", "per_claim", "offer_days", "key_models"),
            "policy",
        )
        widgets = {"opens_at": _WHEN, "closes_at": _WHEN, "key_models": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        policies: Any = self.fields["policy"]
        policies.queryset = Policy.objects.filter(status=Policy.Status.PUBLISHED).order_by("-published_at")
        policies.label_from_instance = lambda policy: policy.version
        models: Any = self.fields["key_models"]
        models.queryset = KeyModel.objects.order_by("sku")
        models.label_from_instance = lambda model: f"{model.sku}: {model.name}"
        self.fields["slug"].label = "Name in web addresses"
        self.fields["slug"].help_text = "Lower-case letters, digits and hyphens. It cannot be changed later."
        if self.instance.pk:
            del self.fields["slug"]
        elif not policies.queryset.exists():
            # The first policy can be one that ships with the code.
            policies.required = False
            policies.empty_label = f"{FIRST_POLICY}, which comes with Keydesk"

    def wanted(self) -> CampaignSettings:
        """The campaign's values as service arguments."""
        given = self.cleaned_data
        plain = {name: given[name] for name in CHANGEABLE if name not in ("policy_id", "key_models")}
        models = sorted(model.sku for model in given["key_models"])
        policy_id = given["policy"].pk if given["policy"] else None
        return CampaignSettings(**plain, key_models=models, policy_id=policy_id)

    def clean_seen(self) -> dict[str, Any]:
        try:
            seen: dict[str, Any] = signing.loads(self.cleaned_data["seen"])
        except signing.BadSignature:
            raise forms.ValidationError("Reload this page.") from None
        for name in ("opens_at", "closes_at"):
            seen[name] = datetime.fromisoformat(seen[name])
        return seen


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


@never_cache
@require_safe
@allowed(Action.RUN_PROGRAMME)
def programme_page(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    context = {
        "campaigns": Campaign.objects.select_related("policy").order_by("-opens_at"),
        "policies": Policy.objects.order_by("-drafted_at")[:NAMED],
        "waves": Wave.objects.select_related("campaign").order_by("-invites_at")[:NAMED],
        "prices": PriceList.objects.in_force(now).select_related("campaign"),
        "regions": Region.objects.in_force(now)
        .select_related("key_model")
        .order_by("country", "subdivision"),
        "models": KeyModel.objects.order_by("sku"),
        "now": now,
    }
    return desk_page(request, "desk/programme.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def campaign(request: HttpRequest, slug: str) -> HttpResponse:
    """Edit a campaign's dates, allotment and policy; an edit conflict is refused."""
    found = Campaign.objects.filter(slug=slug).first()
    if found is None:
        raise Http404("Campaign not found.")
    seen = signing.dumps(_plain(vars(campaign_settings(found))))
    if request.method != "POST":
        return _campaign_page(request, CampaignForm(instance=found, initial={"seen": seen}))
    form = CampaignForm(request.POST, instance=found)
    if not form.is_valid():
        return _campaign_page(request, form, 422)
    try:
        _change_campaign(request, slug, CampaignSettings(**form.cleaned_data["seen"]), form.wanted())
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field, error.message)
        return _campaign_page(request, form, 422)
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return _campaign_page(request, form, 409)
    messages.success(request, "Saved. The activity log shows the change.")
    return HttpResponseRedirect(reverse("desk:programme"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def new_campaign(request: HttpRequest) -> HttpResponse:
    """Set up a campaign."""
    seen = {"opens_at": _NEVER, "closes_at": _NEVER}
    form = CampaignForm(request.POST or None, initial={"seen": signing.dumps(seen)})
    if request.method != "POST" or not form.is_valid():
        return _campaign_page(request, form, 422 if form.errors else 200)
    try:
        made = _add_campaign(request, form)
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field, error.message)
        return _campaign_page(request, form, 422)
    messages.success(request, f"{made.name} has been created. It accepts claims from its opening date.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _add_campaign(request: HttpRequest, form: CampaignForm) -> Campaign:
    actor, now, wanted = staff_actor(request), clock.now(), form.wanted()
    with transaction.atomic():
        if wanted.policy_id is None:
            first = publish_policy(document=shipped_policy(FIRST_POLICY), actor=actor, now=now)
            wanted = replace(wanted, policy_id=first.pk)
        made = add_campaign(slug=form.cleaned_data["slug"], wanted=wanted, now=now)
        recording.record_action(
            actor=actor,
            action="campaign_added",
            subject_kind="campaign",
            subject=made.slug,
            after=_plain(vars(wanted)),
            now=now,
        )
    return made


def _change_campaign(
    request: HttpRequest, slug: str, seen: CampaignSettings, wanted: CampaignSettings
) -> None:
    now = clock.now()
    with transaction.atomic():
        before, after = change_campaign(slug=slug, seen=seen, wanted=wanted, now=now)
        if after:
            recording.record_action(
                actor=staff_actor(request),
                action="campaign_changed",
                subject_kind="campaign",
                subject=slug,
                before=_plain(before),
                after=_plain(after),
                now=now,
            )


def _campaign_page(request: HttpRequest, form: CampaignForm, status: int = 200) -> HttpResponse:
    return desk_page(request, "desk/campaign.html", {"form": form, "campaign": form.instance}, status=status)


class WaveForm(forms.Form):
    """Form for a wave. Lists are separated by commas or spaces."""

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
    """Plan a wave, or cancel one that has not started."""
    if request.POST.get("cancel", "").isdecimal():
        return _cancel_wave(request, int(request.POST["cancel"][:18]))
    form = WaveForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return desk_page(request, "desk/wave.html", {"form": form}, status=422 if form.errors else 200)
    actor, now, asked = staff_actor(request), clock.now(), form.cleaned_data
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
            recording.record_action(
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
    actor, now = staff_actor(request), clock.now()
    try:
        with transaction.atomic():
            cancel_wave(wave_id=wave_id, actor=actor, now=now)
            name = Wave.objects.get(pk=wave_id).name
            recording.record_action(
                actor=actor, action="wave_cancelled", subject_kind="wave", subject=name, now=now
            )
    except KeydeskError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Wave {name} is cancelled.")
    return HttpResponseRedirect(reverse("desk:programme"))
