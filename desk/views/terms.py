"""What the programme gives on what terms: price lists, regions, key models."""

import re
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config import clock
from config.errors import BadRequest, InputErrors, KeydeskError, Problem
from desk import audit
from desk.gate import actor_of, allowed
from desk.roles import Action
from desk.seen import ChangedMeanwhile, SeenField, sign
from desk.shell import desk_page
from fulfillment.claims.models import Campaign, PriceList, Region
from fulfillment.claims.money import CURRENCIES
from fulfillment.claims.quotes import ANYWHERE, MOST_EXTRA_KEYS, TAX_BEHAVIORS
from fulfillment.claims.services.prices import publish_prices
from fulfillment.claims.services.region_tables import export_regions
from fulfillment.claims.services.regions import FIELDS, load_regions, region_in_force
from inventory.models import KeyModel
from inventory.services.key_models import CHANGEABLE, add_key_model, change_key_model, plain

WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
_BY_COUNTRY = "A line a country: its two letters and the amount, such as DE 1250; * is every other."


# ── Prices ───────────────────────────────────────────────────────────────────────────────────────────


class AmountsField(forms.CharField):
    """Amounts by country, a line each: `DE 1250`."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        amounts: dict[str, int] = {}
        for line in super().clean(value).splitlines():
            found = re.fullmatch(r"\s*([A-Za-z]{2}|\*)[\s:=]+(\d{1,9})\s*", line, re.ASCII)
            if found is None and line.strip():
                raise forms.ValidationError(
                    f"“{line.strip()[:40]}” is no country and amount, such as DE 1250."
                )
            if found and found[1].upper() in amounts:
                raise forms.ValidationError(f"{found[1].upper()} stands twice.")
            if found:
                amounts[found[1].upper()] = int(found[2])
        return amounts


class PricesForm(forms.Form):
    """A price list to be published. `seen`: the newest there was when the form was opened."""

    seen = SeenField()
    version = forms.CharField(max_length=50, help_text="A name of its own, such as 2022-autumn.")
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(CURRENCIES)])
    tax_behavior = forms.ChoiceField(
        choices=[(one, one) for one in TAX_BEHAVIORS], label="Taxes in these amounts"
    )
    extra_key = forms.IntegerField(
        required=False,
        min_value=0,
        label="One more key",
        help_text="In the currency's smallest unit: 2900 is 29 dollars. Empty: none are sold.",
    )
    max_extra_keys = forms.IntegerField(
        required=False, min_value=0, max_value=MOST_EXTRA_KEYS, label="At most so many more"
    )
    shipping = AmountsField(
        required=False, label="Standard shipping where it is not sponsored", help_text=_BY_COUNTRY
    )
    express = AmountsField(required=False, label="Express shipping", help_text=_BY_COUNTRY)
    express_days = forms.IntegerField(
        required=False, min_value=1, max_value=60, label="Days that express promises"
    )
    valid_from = forms.DateTimeField(widget=WHEN, label="Holds from", help_text="UTC; not in the past.")
    valid_until = forms.DateTimeField(
        required=False, widget=WHEN, label="Until", help_text="Empty: until another."
    )

    def document(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        times = {name: given[name].isoformat() for name in ("valid_from", "valid_until") if given[name]}
        return {name: value for name, value in given.items() if value not in (None, "", {})} | times


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def prices(request: HttpRequest, slug: str) -> HttpResponse:
    """Publish a price list of a campaign; what is quoted already stays as it is."""
    campaign = Campaign.objects.filter(slug=slug).first()
    if campaign is None:
        raise Http404("There is no campaign of this name.")
    newest = _newest_prices(campaign)
    if request.method != "POST":
        return _prices_page(request, campaign, newest, PricesForm(initial=_prices_initial(newest)))
    form = PricesForm(request.POST)
    if not form.is_valid():
        return _prices_page(request, campaign, newest, form, 422)
    actor, now = actor_of(request), clock.now()
    try:
        with transaction.atomic():
            # Publishing locks the campaign as well; taken here, so that what is compared is the newest.
            Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
            newest = _newest_prices(campaign)
            if form.cleaned_data["seen"] != (newest.pk if newest else 0):
                raise ChangedMeanwhile
            made = publish_prices(campaign=campaign, document=form.document(), actor=actor, now=now)
            audit.record(
                actor=actor,
                action="prices_published",
                subject_kind="campaign",
                subject=slug,
                before=newest.document if newest else {},
                after=made.document,
                now=now,
            )
    except InputErrors as refusal:
        _name_problems(form, refusal.problems)
        return _prices_page(request, campaign, newest, form, 422)
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return _prices_page(request, campaign, newest, form, 409)
    messages.success(request, f"Price list {made.version} is published.")
    return HttpResponseRedirect(reverse("desk:programme"))


def _newest_prices(campaign: Campaign) -> PriceList | None:
    return PriceList.objects.filter(campaign=campaign).order_by("-valid_from").first()


def _prices_initial(newest: PriceList | None) -> dict[str, Any]:
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
    return standing | {"seen": sign(newest.pk if newest else 0)}


def _prices_page(
    request: HttpRequest, campaign: Campaign, newest: PriceList | None, form: PricesForm, status: int = 200
) -> HttpResponse:
    lists = PriceList.objects.filter(campaign=campaign).order_by("-valid_from")[:20]
    context = {"campaign": campaign, "newest": newest, "lists": lists, "form": form}
    return desk_page(request, "desk/prices.html", context, status=status)


# ── Regions ──────────────────────────────────────────────────────────────────────────────────────────


class RegionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A row of the region table as it should be from now on; `seen`: the row there was, 0 for none."""

    seen = SeenField()

    class Meta:
        model = Region
        fields = ("country", "subdivision", *FIELDS)
        labels = {
            "is_sponsored": "Standard shipping is sponsored",
            "keys_per_parcel": "Keys in a parcel, at most",
            "po_box_allowed": "PO boxes are reached",
            "phone_required": "A phone number is needed",
            "tax_id_required": "A tax or personal number is needed",
            "promised_days": "Promised days",
            "ceiling_cents": "Dearest postage, in US cents",
        }

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["country"].help_text = "Two letters, such as DE."
        self.fields["reason"].help_text = "Claimants read it where keys cannot be sent."
        self.fields["source"].help_text = "Where this is known from."

    def row(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {name: given[name] for name in ("country", "subdivision", *FIELDS)} | {
            "country": given["country"].upper()
        }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def region(request: HttpRequest, place: str = "") -> HttpResponse:
    """Change what holds for a country (`DE`) or a part of one (`US-HI`), or add one. What held is kept."""
    country, _, subdivision = place.partition("-")
    now = clock.now()
    standing = region_in_force(country=country, subdivision=subdivision, now=now) if place else None
    if place and standing is None:
        raise Http404("No row of the region table holds for this place.")
    history = Region.objects.filter(country=country, subdivision=subdivision, key_model=None)
    context = {"place": place, "history": history.order_by("-valid_from")[:20]}
    if request.method != "POST":
        form = RegionForm(instance=standing, initial={"seen": sign(standing.pk if standing else 0)})
        return desk_page(request, "desk/region.html", context | {"form": form})
    # Of no instance: the row that holds is ended, and never changed.
    form = RegionForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            _load_region(request, form, now=now)
        except InputErrors as refusal:
            _name_problems(form, refusal.problems)
        except KeydeskError as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, f"{form.row()['country']}: changed from now on.")
            return HttpResponseRedirect(reverse("desk:programme"))
    return desk_page(request, "desk/region.html", context | {"form": form}, status=status)


def _load_region(request: HttpRequest, form: RegionForm, *, now: datetime) -> None:
    row, actor = form.row(), actor_of(request)
    where = {"country": row["country"], "subdivision": row["subdivision"]}
    with transaction.atomic():
        before = region_in_force(**where, now=now, lock=True)
        if form.cleaned_data["seen"] != (before.pk if before else 0):
            raise ChangedMeanwhile
        said = {name: getattr(before, name) for name in FIELDS} if before else {}
        if load_regions(document={"regions": [row]}, now=now, source="region"):
            changed = [name for name in FIELDS if row[name] != said.get(name)]
            audit.record(
                actor=actor,
                action="region_changed",
                subject_kind="region",
                subject=f"{row['country']}-{row['subdivision']}".rstrip("-"),
                before={name: said[name] for name in changed if name in said},
                after={name: row[name] for name in changed},
                now=now,
            )


@require_safe
@allowed(Action.RUN_PROGRAMME)
def regions_csv(request: HttpRequest) -> HttpResponse:
    """The whole table with its past, as `manage.py regions --import` reads it."""
    answer = HttpResponse(export_regions(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="regions.csv"'
    return answer


# ── Key models ───────────────────────────────────────────────────────────────────────────────────────


class KeyModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key model as it should be; `seen` is how it was when the form was opened."""

    seen = SeenField()

    class Meta:
        model = KeyModel
        fields = ("sku", *CHANGEABLE)
        labels = {
            "sku": "SKU",
            "has_nfc": "It has NFC",
            "is_active": "It is given to those who ask for any",
            "weight_g": "Weight in grams",
            "length_mm": "Length in millimetres",
            "width_mm": "Width in millimetres",
            "height_mm": "Height in millimetres",
            "hs_code": "Customs tariff number (HS)",
            "hs_source": "Where that number is from",
            "customs_value_cents": "Value for customs, in cents",
            "eccn": "Export control number (ECCN)",
            "contains_battery": "It has a battery",
            "aaguids": "AAGUIDs, separated by commas",
        }
        widgets = {name: forms.Textarea(attrs={"rows": 2}) for name in ("physical_source", "hs_source")}

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["sku"].help_text = "Capital letters, digits and dashes. It never changes."
        if self.instance.pk:
            del self.fields["sku"]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def key_model(request: HttpRequest, sku: str = "") -> HttpResponse:
    """Change a key model, or add one."""
    found = KeyModel.objects.filter(sku=sku).first() if sku else None
    if sku and found is None:
        raise Http404("There is no key model of this SKU.")
    if request.method != "POST":
        seen = _plain_model(found) if found else {}
        form = KeyModelForm(instance=found, initial={"seen": sign(seen)})
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
            messages.success(request, f"Key model {sku or form.cleaned_data['sku']}: kept.")
            return HttpResponseRedirect(reverse("desk:programme"))
    return desk_page(request, "desk/key_model.html", {"form": form, "sku": sku}, status=status)


def _change_key_model(request: HttpRequest, form: KeyModelForm, sku: str) -> None:
    actor, now = actor_of(request), clock.now()
    wanted = {name: form.cleaned_data[name] for name in CHANGEABLE}
    with transaction.atomic():
        if sku:
            before, after = change_key_model(sku=sku, seen=form.cleaned_data["seen"], wanted=wanted)
        else:
            made = add_key_model(sku=form.cleaned_data["sku"], values=wanted, now=now)
            before, after = {}, _plain_model(made)
        if after:
            audit.record(
                actor=actor,
                action="key_model_changed" if sku else "key_model_added",
                subject_kind="key_model",
                subject=sku or form.cleaned_data["sku"],
                before=before,
                after=after,
                now=now,
            )


def _plain_model(model: KeyModel) -> dict[str, Any]:
    return {name: plain(getattr(model, name)) for name in CHANGEABLE}


def _name_problems(form: forms.BaseForm, problems: list[Problem]) -> None:
    """Each problem at its field; those of no field at the top."""
    for one in problems:
        name = (one.field or "").partition(".")[0]
        sentence = " ".join(part for part in (one.problem, one.remedy) if part)
        form.add_error(name if name in form.fields else None, sentence)
