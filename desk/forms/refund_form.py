"""Form for a partial refund: amount and reason."""

from decimal import Decimal
from typing import Any

from django import forms

from fulfillment.claims.money import CURRENCIES
from fulfillment.payments.rules.states import RefundReason

REASONS = [
    (RefundReason.SHORT.value, "not everything that was paid for could be sent"),
    (RefundReason.UNDELIVERABLE.value, "the parcel could not be delivered"),
    (RefundReason.BY_HAND.value, "as agreed with the claimant"),
]


class RefundForm(forms.Form):
    """The amount and reason. `seen` is the number of refunds when the page was opened."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    amount = forms.DecimalField(
        min_value=Decimal("0.001"),
        max_digits=12,
        label="Amount",
        error_messages={
            "required": "Enter the amount to refund.",
            "invalid": "Enter a number, such as 29.00.",
        },
    )
    reason = forms.ChoiceField(choices=REASONS, label="Why", help_text="The claimant sees this.")
    note = forms.CharField(
        max_length=500,
        label="Note",
        help_text="For the activity log. No name and no address.",
        error_messages={"required": "Enter what happened. The activity log keeps it."},
    )

    def __init__(self, currency: str, *args: Any, **given: Any) -> None:
        given["auto_id"] = "refund_%s"
        super().__init__(*args, **given)
        self._exponent = CURRENCIES[currency].exponent if currency in CURRENCIES else 2
        self.fields["amount"].label = f"Amount in {currency}"

    def clean_amount(self) -> int:
        """The amount in minor units; currencies have zero, two or three decimals."""
        amount: Decimal = self.cleaned_data["amount"]
        minor = amount.scaleb(self._exponent)
        if minor != minor.to_integral_value():
            raise forms.ValidationError(f"Write at most {self._exponent} decimal places.")
        return int(minor)
