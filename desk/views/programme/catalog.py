"""Price lists and key models."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from common import clock
from common.errors import BadRequest, InputErrors, KeydeskError
from desk.audit import recording
from desk.forms.edit_conflicts import ChangedMeanwhile, SeenField, sign_values
from desk.forms.problems import name_problems
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.models import Campaign, PriceList
from fulfillment.claims.money import CURRENCIES
from fulfillment.claims.rules.price_documents import MOST_EXTRA_KEYS, TAX_BEHAVIORS
from fulfillment.claims.rules.quotes import ANYWHERE
from inventory.models import KeyModel
from inventory.services.key_models import CHANGEABLE, add_key_model, change_key_model, plain

WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
_BY_COUNTRY = "One country per line: two-letter code and amount, such as DE 1250; * for all others."


# ── Prices ───────────────────────────────────────────────────────────────────────────────────────────


class AmountsField(forms.CharField):
    """Amounts by country, one per line: `DE 1250`."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        amounts: dict[str, int] = {}
        for line in super().clean(value).splitlines():
            found = re.fullmatch(r"\s*([A-Za-z]{2}|\*)[\s:=]+(\d{1,9})\s*", line, re.ASCII)
            if found is None and line.strip():
                raise forms.ValidationError(
                    f"“{line.strip()[:40]}” is not a country and an amount, such as DE 1250."
                )
            if found and found[1].upper() in amounts:
                raise forms.ValidationError(f"{found[1].upper()} is listed twice.")
            if found:
                amounts[found[1].upper()] = int(found[2])
        return amounts


class PricesForm(forms.Form):
    """Form for a new price list. `seen`: the newest list when the form was opened."""

    seen = SeenField()
    version = forms.CharField(max_length=50, help_text="A unique name, such as 2022-autumn.")
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(CURRENCIES)])
    tax_behavior = forms.ChoiceField(choices=[(one, one) for one in TAX_BEHAVIORS], label="Taxes included")
    extra_key = forms.IntegerField(
        required=False,
        min_value=0,
        label="Extra key",
        help_text="In the currency's smallest unit: 2900 is 29 dollars. Leave empty if none are sold.",
    )
    max_extra_keys = forms.IntegerField(
        required=False, min_value=0, max_value=MOST_EXTRA_KEYS, label="Maximum number of extra keys"
    )
    shipping = AmountsField(
        required=False, label="Standard shipping to regions that are not sponsored", help_text=_BY_COUNTRY
    )
    express = AmountsField(required=False, label="Express shipping", help_text=_BY_COUNTRY)
    express_days = forms.IntegerField(
        required=False, min_value=1, max_value=60, label="Promised days for express shipping"
    )
    valid_from = forms.DateTimeField(widget=WHEN, label="Valid from", help_text="UTC; not in the past.")
    valid_until = forms.DateTimeField(
        required=False,
        widget=WHEN,
        label="Until",
        help_text="Leave empty if it is valid until the next list.",
    )

    def document(self) -> dict[str, object]:
        given = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        times = {name: given[name].isoformat() for name in ("valid_from", "valid_until") if given[name]}
        return {name: value for name, value in given.items() if value not in (None, "", {})} | times


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def prices(request: HttpRequest, slug: str) -> HttpResponse:
    """Publish a price list of a campaign; existing quotes do not change."""
    campaign = Campaign.objects.filter(slug=slug).first()
    if campaign is None:
        raise Http404("Campaign not found.")
    newest = _newest_prices(campaign)
    if request.method != "POST":
        return _prices_page(request, campaign, newest, PricesForm(initial=_prices_initial(newest)))
    form = PricesForm(request.POST)
    if not form.is_valid():
        return _prices_page(request, campaign, newest, form, 422)
    actor, now = staff_actor(request), clock.now()
    try:
        with transaction.atomic():
            # Publishing locks the campaign too; locked here already, to compare with the newest list.
            Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
            newest = _newest_prices(campaign)
            if form.cleaned_data["seen"] != (newest.pk if newest else 0):
                raise ChangedMeanwhile
            made = publish_prices(campaign=campaign, document=form.document(), actor=actor, now=now)
            recording.record_action(
                actor=actor,
                action="prices_published",
                subject_kind="campaign",
                subject=slug,
                before=newest.document if newest else {},
                after=made.document,
                now=now,
            )
    except InputErrors as refusal:
        name_problems(form, refusal.problems)
        return _prices_page(request, campaign, newest, form, 422)
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return _prices_page(request, campaign, newest, form, 409)
    messages.success(request, f"Price list {made.version} is published.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _newest_prices(campaign: Campaign) -> PriceList | None:
    return PriceList.objects.filter(campaign=campaign).order_by("-valid_from").first()


def _prices_initial(newest: PriceList | None) -> dict[str, object]:
    standing: dict[str, Any] = {"currency": "USD", "tax_behavior": "inclusive"}
    if newest:
        standing = dict(newest.document)
    for name in ("version", "valid_from", "valid_until"):
        standing.pop(name, None)
    for name in ("shipping", "express"):
        # All other countries at the end.
        amounts = sorted(standing.get(name, {}).items(), key=lambda one: (one[0] == ANYWHERE, one[0]))
        lines = [f"{country} {amount}" for country, amount in amounts]
        standing[name] = "\n".join(lines)
    return standing | {"seen": sign_values(newest.pk if newest else 0)}


def _prices_page(
    request: HttpRequest, campaign: Campaign, newest: PriceList | None, form: PricesForm, status: int = 200
) -> HttpResponse:
    lists = PriceList.objects.filter(campaign=campaign).order_by("-valid_from")[:20]
    context = {"campaign": campaign, "newest": newest, "lists": lists, "form": form}
    return desk_page(request, "desk/prices.html", context, status=status)


# ── Key models ───────────────────────────────────────────────────────────────────────────────────────


class KeyModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form for a key model; `seen` is its state when the form was opened."""

    seen = SeenField()

    class Meta:
        model = KeyModel
        fields = ("sku", *CHANGEABLE)
        labels = {
            "sku": "SKU",
            "has_nfc": "Has NFC",
            "is_active": "Given to claimants who choose any key",
            "weight_g": "Weight in grams",
            "length_mm": "Length in millimetres",
            "width_mm": "Width in millimetres",
            "height_mm": "Height in millimetres",
            "hs_code": "Customs tariff number (HS)",
            "hs_source": "Source of the tariff number",
            "customs_value_cents": "Customs value in cents",
            "eccn": "Export control number (ECCN)",
            "contains_battery": "Contains a battery",
            "aaguids": "AAGUIDs, separated by commas",
        }
        widgets = {name: forms.Textarea(attrs={"rows": 2}) for name in ("physical_source", "hs_source")}

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["sku"].help_text = "Upper-case letters, digits and hyphens. It cannot be changed later."
        if self.instance.pk:
            del self.fields["sku"]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def key_model(request: HttpRequest, sku: str = "") -> HttpResponse:
    """Change a key model, or add one."""
    found = KeyModel.objects.filter(sku=sku).first() if sku else None
    if sku and found is None:
        raise Http404("Key model not found.")
    if request.method != "POST":
        seen = _plain_model(found) if found else {}
        form = KeyModelForm(instance=found, initial={"seen": sign_values(seen)})
        return desk_page(request, "desk/key_model.html", {"form": form, "sku": sku})
    form = KeyModelForm(request.POST, instance=found)
    status = 422
    if form.is_valid():
        try:
            _change_key_model(request, form, sku)
        except BadRequest as refusal:
            for error in refusal.errors:
                form.add_error(error.field, error.message)
        except KeydeskError as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, f"Key model {sku or form.cleaned_data['sku']}: saved.")
            return HttpResponseRedirect(reverse("desk:programme"))
    return desk_page(request, "desk/key_model.html", {"form": form, "sku": sku}, status=status)


def _change_key_model(request: HttpRequest, form: KeyModelForm, sku: str) -> None:
    actor, now = staff_actor(request), clock.now()
    wanted = {name: form.cleaned_data[name] for name in CHANGEABLE}
    with transaction.atomic():
        if sku:
            before, after = change_key_model(sku=sku, seen=form.cleaned_data["seen"], wanted=wanted)
        else:
            made = add_key_model(sku=form.cleaned_data["sku"], values=wanted, now=now)
            before, after = {}, _plain_model(made)
        if after:
            recording.record_action(
                actor=actor,
                action="key_model_changed" if sku else "key_model_added",
                subject_kind="key_model",
                subject=sku or form.cleaned_data["sku"],
                before=before,
                after=after,
                now=now,
            )


def _plain_model(model: KeyModel) -> dict[str, object]:
    return {name: plain(getattr(model, name)) for name in CHANGEABLE}
