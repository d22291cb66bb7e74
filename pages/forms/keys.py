"""Form for the key models and quantities."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as text
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from fulfillment.claims.rules import WantedItem
from pages.key_recommendation import OfferedModel

STANDARD = "standard"

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class KeysForm(forms.Form):
    """One field for each key model. After `is_valid`, `wanted` is the service's argument.

    Args: most: the most keys a claim may hold, bought ones included.
          express: whether express shipping is sold to the country.
    """

    service = forms.ChoiceField(
        label=_("Shipping"),
        choices=[(STANDARD, _("Standard")), ("express", _("Express"))],
        widget=forms.RadioSelect,
        initial=STANDARD,
        required=False,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        offered: Sequence[OfferedModel],
        most: int,
        express: bool,
        initial: Mapping[str, int],
        service: str = STANDARD,
    ) -> None:
        super().__init__(data, initial={"service": service})
        self.most = most
        self.wanted: list[WantedItem] = []
        self.skus = {f"keys_{model.sku}": model.sku for model in offered}
        if not express:
            del self.fields["service"]
        counts = [(str(number), str(number)) for number in range(most + 1)]
        for name, model in zip(self.skus, offered, strict=True):
            self.fields[name] = forms.ChoiceField(
                label=text(model.name),
                choices=counts,
                initial=str(initial.get(model.sku, 0)),
                required=False,
                help_text=_in_stock(model.available),
                error_messages={"invalid_choice": _("Choose how many from the list.")},
            )
        self.order_fields([*self.skus, "service"])

    @property
    def models(self) -> list[forms.BoundField]:
        """The fields of the key models."""
        return [self[name] for name in self.skus]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        wanted = {sku: int(cleaned.get(name) or 0) for name, sku in self.skus.items()}
        self.wanted = [WantedItem(sku, quantity) for sku, quantity in wanted.items() if quantity]
        total = sum(wanted.values())
        first = next(iter(self.skus), None)
        if first is None or self.errors:
            return cleaned
        if not total:
            self.add_error(first, text("Choose at least one key."))
        elif total > self.most:
            self.add_error(
                first,
                ngettext("Choose %(most)d key in all.", "Choose up to %(most)d keys in all.", self.most)
                % {"most": self.most},
            )
        return cleaned

    @property
    def service_chosen(self) -> str:
        return self.cleaned_data.get("service") or STANDARD


def _in_stock(available: int) -> "StrOrPromise":
    if available > 10:
        return _("In stock")
    if available:
        return _("Few left")
    return _("Out of stock: you get a place in line")
