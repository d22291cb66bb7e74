"""The claim form: which keys, and where to."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import combinations_with_replacement
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from config.errors import BadRequest, FieldError
from fulfillment.claims.countries import country_name
from fulfillment.claims.models import Campaign, Region
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.selectors import region_for
from fulfillment.claims.services.regions import check_address
from fulfillment.vault.addresses import MAX_LENGTH, PostalAddress, parse_address
from inventory.models import KeyModel

ANY = "any"
# A choice names its key models with this between them.
_AND = "+"
NUMBERS = {1: "One", 2: "Two", 3: "Three", 4: "Four"}


class ClaimForm(forms.Form):
    """What a claimant fills in. After `is_valid`, `wanted` and `address` are what the service takes."""

    # Whether these are needed depends on the country, so they are not called optional.
    sometimes_needed = ("postal_code", "city", "state", "phone")

    keys = forms.ChoiceField(label="Your keys", widget=forms.RadioSelect)
    country = forms.ChoiceField(
        label="Country",
        widget=forms.Select(attrs={"autocomplete": "country"}),
        error_messages={"required": "Choose the country your keys go to."},
    )
    name = forms.CharField(
        label="Full name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter the name the parcel is for."},
    )
    company = forms.CharField(
        label="Company", required=False, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    street1 = forms.CharField(
        label="Street and number",
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
        error_messages={"required": "Enter the street and number."},
    )
    street2 = forms.CharField(
        label="Flat, building, care of",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line2"}),
    )
    postal_code = forms.CharField(
        label="Postal code", required=False, widget=forms.TextInput(attrs={"autocomplete": "postal-code"})
    )
    city = forms.CharField(
        label="Town or city", required=False, widget=forms.TextInput(attrs={"autocomplete": "address-level2"})
    )
    state = forms.CharField(
        label="State or province",
        required=False,
        help_text="Where addresses have one, such as CA, ON or MI.",
        widget=forms.TextInput(attrs={"autocomplete": "address-level1"}),
    )
    phone = forms.CharField(
        label="Phone",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        campaign: Campaign,
        regions: Sequence[Region],
        now: datetime,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        choices = key_choices(campaign)
        super().__init__(data, initial={"keys": choices[0][0], **(initial or {})})
        self._now = now
        self.wanted: list[WantedItem] = []
        self.address: PostalAddress | None = None
        countries = sorted((country_name(row.country), row.country) for row in regions)
        self.fields["phone"].help_text = phone_help(regions)
        self._choose("keys", choices)
        self._choose("country", [("", "Choose a country"), *((code, name) for name, code in countries)])
        for field in self.fields.values():
            if not isinstance(field, forms.ChoiceField):
                field.widget.attrs.setdefault("maxlength", str(MAX_LENGTH))

    def _choose(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Ask the vault's parser and the region, and put what they say beside the fields."""
        cleaned = super().clean() or {}
        self.wanted = wanted_by(cleaned.get("keys", ANY))
        parts = [part.name for part in fields(PostalAddress)]
        try:
            address = parse_address({part: cleaned.get(part, "") for part in parts})
        except BadRequest as error:
            problems = error.errors
        else:
            problems = check_address(address, region=region_for(country=address.country, now=self._now))
            self.address = None if problems else address
        for problem in problems:
            self._say(problem)
        return cleaned

    def _say(self, problem: FieldError) -> None:
        name = problem.field.rpartition(".")[2]
        # What Django's own field said already is not said twice.
        if name not in self.errors:
            self.add_error(
                name if name in self.fields else None, ValidationError(problem.message, problem.code)
            )


def phone_help(regions: Sequence[Region]) -> str:
    """Where the carrier needs a phone number, as the region table has it."""
    spared = sorted(country_name(row.country) for row in regions if not row.phone_required)
    if not spared:
        return "For the carrier only, who needs it."
    if len(spared) == len(regions):
        return "For the carrier only, if you like."
    return f"For the carrier only. Needed, except for: {', '.join(spared)}."


def key_choices(campaign: Campaign) -> list[tuple[str, str]]:
    """What a claimant may choose from; the first is the default, one key of each connector where possible."""
    models = list(campaign.key_models.filter(is_active=True).order_by("connector", "sku"))
    if campaign.per_claim > 2 or not models:
        # More combinations than anybody wants to read: the picker gives an even mix.
        return [(ANY, f"{campaign.per_claim} keys of what is in stock")]
    combinations = sorted(
        combinations_with_replacement(models, campaign.per_claim),
        key=lambda models: -len({model.connector for model in models}),
    )
    return [(_AND.join(model.sku for model in chosen), _label(chosen)) for chosen in combinations]


def _label(chosen: Sequence[KeyModel]) -> str:
    plugs = [model.get_connector_display() + (" with NFC" if model.has_nfc else "") for model in chosen]
    if len(set(plugs)) == 1 and len(plugs) > 1:
        return f"{NUMBERS.get(len(plugs), len(plugs))} {plugs[0]}"
    return "O" + " and ".join(f"one {plug}" for plug in plugs)[1:]


def wanted_by(choice: str) -> list[WantedItem]:
    """The items a choice stands for; `any` leaves them to what is in stock."""
    if choice == ANY:
        return []
    skus = choice.split(_AND)
    return [WantedItem(sku, skus.count(sku)) for sku in dict.fromkeys(skus)]
