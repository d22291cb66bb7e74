"""Form for the destination country, which determines the following steps."""

from collections.abc import Collection, Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from fulfillment.claims.countries import localized_country_name
from roster.rules import COUNTRIES


class CountryForm(forms.Form):
    """All countries, open ones first."""

    country = forms.ChoiceField(
        label=_("Country the keys go to"),
        widget=forms.Select(attrs={"autocomplete": "country"}),
        error_messages={
            "required": _("Choose the country your keys go to."),
            "invalid_choice": _("Choose a country from the list."),
        },
    )

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        open_countries: Collection[str],
        country: str = "",
    ) -> None:
        super().__init__(data, initial={"country": country})
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        others = COUNTRIES - set(open_countries)
        field.choices = [
            ("", _("Choose a country")),
            (_("We send keys to"), named(open_countries)),
            (_("Other countries"), named(others)),
        ]


def named(countries: Collection[str]) -> list[tuple[str, str]]:
    """Codes with their names, sorted by name."""
    return sorted(((code, localized_country_name(code)) for code in countries), key=lambda pair: pair[1])
