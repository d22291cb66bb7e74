"""Validation errors of pydantic as field errors: field, code and message."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import ErrorDetails, PydanticCustomError

from common.errors import FieldError

_MESSAGES: Mapping[str, tuple[str, str]] = {
    "missing": ("required", "This field is required."),
    "extra_forbidden": ("unknown_field", "Unknown field."),
    "string_type": ("wrong_type", "This must be text."),
    "int_type": ("wrong_type", "This must be a whole number."),
    "int_parsing": ("wrong_type", "This must be a whole number."),
    "list_type": ("wrong_type", "This must be a list."),
    "dict_type": ("wrong_type", "This must be an object."),
    "model_type": ("wrong_type", "This must be an object."),
    "model_attributes_type": ("wrong_type", "This must be an object."),
    "datetime_parsing": ("bad_time", "This must be an RFC 3339 time, such as 2022-07-11T12:00:00Z."),
    "datetime_from_date_parsing": (
        "bad_time",
        "This must be an RFC 3339 time, such as 2022-07-11T12:00:00Z.",
    ),
    "datetime_type": ("bad_time", "This must be an RFC 3339 time, such as 2022-07-11T12:00:00Z."),
    "timezone_aware": ("bad_time", "This time needs a time zone, such as Z for UTC."),
    "string_unicode": ("bad_character", "This contains a character that cannot be printed."),
    "literal_error": ("unknown_value", "Not one of the accepted values."),
    "string_too_short": ("required", "This must not be empty."),
}


def _printable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise PydanticCustomError("bad_character", "This contains a character that cannot be printed.")
    return value


# Text that PostgreSQL can store: no NUL and no unpaired surrogate.
Text = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_printable),
]
LongText = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_printable),
]


def field_errors(found: Iterable[ErrorDetails]) -> list[FieldError]:
    """Errors of a pydantic model, with field paths such as `items.0.quantity`."""
    return [field_error(error["loc"], error["type"], error["msg"]) for error in found]


def field_error(location: Sequence[int | str], kind: str, message: str) -> FieldError:
    """One error of pydantic as code and message of ours, where we have them."""
    field = ".".join(str(part) for part in location) or "body"
    return FieldError(field, *_MESSAGES.get(kind, (kind, message)))
