"""Region pages: the terms for a country, a part of one, or one key model there."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common import clock
from common.errors import BadRequest, InputErrors, KeydeskError
from desk.audit import recording
from desk.forms.edit_conflicts import ChangedMeanwhile, SeenField, sign_values
from desk.forms.problems import name_problems
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.claims.campaigns.region_csv import export_regions
from fulfillment.claims.campaigns.regions import (
    FIELDS,
    MODEL_STATUSES,
    closed_models,
    load_regions,
    region_in_force,
    set_model_status,
)
from fulfillment.claims.models import Region
from inventory.models import KeyModel


class RegionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form for a new row of the region table; `seen`: id of the previous row, 0 for none."""

    seen = SeenField()

    class Meta:
        model = Region
        fields = ("country", "subdivision", *FIELDS)
        labels = {
            "is_sponsored": "Standard shipping is sponsored",
            "keys_per_parcel": "Maximum keys per parcel",
            "po_box_allowed": "PO boxes accepted",
            "phone_required": "Phone number required",
            "tax_id_required": "Tax or personal number required",
            "promised_days": "Promised days",
            "ceiling_cents": "Maximum postage, in US cents",
        }

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["country"].help_text = "Two letters, such as DE."
        self.fields["reason"].help_text = "Claimants see it where keys cannot be sent."
        self.fields["source"].help_text = "Source of this information."

    def row(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {name: given[name] for name in ("country", "subdivision", *FIELDS)} | {
            "country": given["country"].upper()
        }


class ModelRegionForm(forms.Form):
    """Form to open or close a country to one key model; `seen`: the rows in force when it was opened."""

    seen = SeenField()
    key_model = forms.ModelChoiceField(
        KeyModel.objects.order_by("sku"), to_field_name="sku", label="Key model", empty_label=None
    )
    status = forms.ChoiceField(
        choices=[
            ("open", "same as the country"),
            *((one.value, one.label) for one in MODEL_STATUSES if one != Region.Status.OPEN),
        ]
    )
    reason = forms.CharField(max_length=300, required=False, help_text="Required where keys are not sent.")
    source = forms.CharField(max_length=300, required=False, help_text="Source of this information.")

    def __init__(self, *args: Any, **given: Any) -> None:
        given["auto_id"] = "model_%s"
        super().__init__(*args, **given)
        models: Any = self.fields["key_model"]
        models.label_from_instance = lambda model: f"{model.sku}: {model.name}"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def region_page(request: HttpRequest, place: str = "") -> HttpResponse:
    """Change or add the terms of a country (`DE`) or a part of one (`US-HI`). Earlier terms are kept."""
    now = clock.now()
    if request.method != "POST":
        return _region_page(request, place, now=now)
    _standing(place, now=now)
    # Without an instance: rows are ended, never changed.
    form = RegionForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            _load_region(request, form, now=now)
        except InputErrors as refusal:
            name_problems(form, refusal.problems)
        except KeydeskError as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, f"{form.row()['country']}: saved. The change takes effect now.")
            return HttpResponseRedirect(reverse("desk:programme"))
    return _region_page(request, place, form=form, now=now, status=status)


@never_cache
@require_POST
@allowed(Action.RUN_PROGRAMME)
def region_model(request: HttpRequest, place: str) -> HttpResponse:
    """Close a country to one key model, or reopen it."""
    now = clock.now()
    _standing(place, now=now)
    form = ModelRegionForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            _close_to_model(request, place, form, now=now)
        except BadRequest as refusal:
            for error in refusal.errors:
                form.add_error(error.field if error.field in form.fields else None, error.message)
        except ChangedMeanwhile as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(
                request, f"{place}, {form.cleaned_data['key_model'].sku}: saved. The change takes effect now."
            )
            return HttpResponseRedirect(reverse("desk:region", args=[place]))
    return _region_page(request, place, model_form=form, now=now, status=status)


def _standing(place: str, *, now: datetime) -> Region | None:
    """The row in force for a place; None for no place. Raises: Http404: no row is in force."""
    country, _, subdivision = place.partition("-")
    standing = region_in_force(country=country, subdivision=subdivision, now=now) if place else None
    if place and standing is None:
        raise Http404("The region table has no terms for this place.")
    return standing


def _region_page(
    request: HttpRequest,
    place: str,
    *,
    now: datetime,
    form: RegionForm | None = None,
    model_form: ModelRegionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    standing = _standing(place, now=now)
    country, _, subdivision = place.partition("-")
    history = Region.objects.filter(country=country, subdivision=subdivision).select_related("key_model")
    context: dict[str, object] = {
        "place": place,
        "history": history.order_by("-valid_from", "-pk")[:20] if place else [],
        "form": form
        or RegionForm(instance=standing, initial={"seen": sign_values(standing.pk if standing else 0)}),
    }
    # A key model can only be closed to a whole country.
    if place and not subdivision:
        closed = closed_models(country=country, now=now)
        seen = {"seen": sign_values(_rows_seen(closed))}
        context |= {"closed": closed, "model_form": model_form or ModelRegionForm(initial=seen)}
    return desk_page(request, "desk/region.html", context, status=status)


def _rows_seen(closed: dict[str, Region]) -> dict[str, int]:
    return {sku: row.pk for sku, row in closed.items()}


def _close_to_model(request: HttpRequest, place: str, form: ModelRegionForm, *, now: datetime) -> None:
    given = form.cleaned_data
    sku = given["key_model"].sku
    with transaction.atomic():
        # Closing locks the table too; locked here already, to compare with the rows in force.
        region_in_force(country=place, subdivision="", now=now, lock=True)
        if given["seen"] != _rows_seen(closed_models(country=place, now=now)):
            raise ChangedMeanwhile
        before, after = set_model_status(
            country=place,
            key_model=given["key_model"],
            status=given["status"],
            reason=given["reason"],
            source=given["source"],
            now=now,
        )
        if after:
            recording.record_action(
                actor=staff_actor(request),
                action="region_changed",
                subject_kind="region",
                subject=f"{place} {sku}",
                before=before,
                after=after,
                now=now,
            )


def _load_region(request: HttpRequest, form: RegionForm, *, now: datetime) -> None:
    row, actor = form.row(), staff_actor(request)
    where = {"country": row["country"], "subdivision": row["subdivision"]}
    with transaction.atomic():
        before = region_in_force(**where, now=now, lock=True)
        if form.cleaned_data["seen"] != (before.pk if before else 0):
            raise ChangedMeanwhile
        said = {name: getattr(before, name) for name in FIELDS} if before else {}
        if load_regions(document={"regions": [row]}, now=now, source="region"):
            changed = [name for name in FIELDS if row[name] != said.get(name)]
            recording.record_action(
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
    """Export the whole table with its history, in the format of `manage.py regions --import`."""
    answer = HttpResponse(export_regions(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="regions.csv"'
    return answer
