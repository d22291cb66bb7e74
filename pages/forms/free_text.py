"""Form fields for free text."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_LINE_BREAKS = "\n\r\t"
# They join letters in some scripts, and persons in emoji; what other format characters do cannot be seen.
_JOINERS = "\u200c\u200d"


def printable_text(text: str) -> None:
    """Validator: refuse control characters and direction overrides, which could change the displayed text.

    Raises: ValidationError.
    """
    if any(
        unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn")
        for letter in text
        if letter not in _LINE_BREAKS + _JOINERS
    ):
        raise ValidationError(
            _("This contains a character that cannot be printed. Type it by hand."), "bad_character"
        )
