"""What somebody had before them when a form was opened, signed into it, so that nobody is overwritten."""

from typing import Any

from django import forms
from django.core import signing

from config.errors import KeydeskError


class ChangedMeanwhile(KeydeskError):
    """Somebody else changed it since the form was opened; nothing was changed."""

    code = "changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("Somebody changed this meanwhile. Load the page again, look, then decide.")


class SeenField(forms.CharField):
    """A hidden field that holds signed plain values."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)

    def clean(self, value: Any) -> Any:
        try:
            return signing.loads(super().clean(value))
        except signing.BadSignature:
            raise forms.ValidationError("Load this page again.") from None


def sign(seen: Any) -> str:
    return signing.dumps(seen)
