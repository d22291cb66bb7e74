"""Form to report a problem with a parcel."""

from django import forms
from django.utils.translation import gettext_lazy as _

from fulfillment.tracking.services.delivery_problems import DeliveryProblem


class ProblemReportForm(forms.Form):
    trouble = forms.ChoiceField(
        label=_("What is wrong?"),
        widget=forms.RadioSelect,
        choices=[
            (DeliveryProblem.NOT_ARRIVED.value, _("It has not arrived")),
            (DeliveryProblem.DAMAGED.value, _("The parcel or a key is damaged")),
            (DeliveryProblem.WRONG_KEYS.value, _("These are not the keys I asked for")),
            (
                DeliveryProblem.SEAL_BROKEN.value,
                _("The seal is broken, or its number differs from the slip’s"),
            ),
        ],
        error_messages={
            "required": _("Enter what is wrong."),
            "invalid_choice": _("Choose one of these."),
        },
    )

    @property
    def chosen(self) -> DeliveryProblem:
        return DeliveryProblem(self.cleaned_data["trouble"])
