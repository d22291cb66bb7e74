"""From what pydantic found wrong to what a caller is told: field, code, sentence."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from common.errors import FieldError

_SAYINGS: Mapping[str, tuple[str, str]] = {
    "missing": ("required", "This field is needed."),
    "extra_forbidden": ("unknown_field", "There is no such field."),
    "string_type": ("wrong_type", "This must be text."),
    "int_type": ("wrong_type", "This must be a whole number."),
    "int_parsing": ("wrong_type", "This must be a whole number."),
    "list_type": ("wrong_type", "This must be a list."),
    "dict_type": ("wrong_type", "This must be an object."),
    "model_type": ("wrong_type", "This must be an object."),
    "model_attributes_type": ("wrong_type", "This must be an object."),
    "datetime_parsing": ("bad_time", "This must be a time as in RFC 3339, such as 2022-07-11T12:00:00Z."),
    "datetime_from_date_parsing": (
        "bad_time",
        "This must be a time as in RFC 3339, such as 2022-07-11T12:00:00Z.",
    ),
    "datetime_type": ("bad_time", "This must be a time as in RFC 3339, such as 2022-07-11T12:00:00Z."),
    "timezone_aware": ("bad_time", "This time needs its zone, such as Z for UTC."),
    "string_unicode": ("bad_character", "This holds a character that cannot be printed."),
    "literal_error": ("unknown_value", "This is none of the values it can have."),
    "string_too_short": ("required", "This must not be empty."),
}


def _printable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise PydanticCustomError("bad_character", "This holds a character that cannot be printed.")
    return value


# Text that the database can hold: PostgreSQL takes neither NUL nor half a surrogate pair.
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


def field_errors(found: Iterable[Mapping[str, Any]], *, skip: int = 0) -> list[FieldError]:
    """What pydantic found, with field paths such as `items.0.quantity`.

    Args: skip: how many parts of each place name the container (body, argument) and not the field.
    """
    return [_field_error(error, skip) for error in found]


def _field_error(error: Mapping[str, Any], skip: int) -> FieldError:
    field = ".".join(str(part) for part in error["loc"][skip:]) or "body"
    code, sentence = _SAYINGS.get(error["type"], (error["type"], error["msg"]))
    return FieldError(field, code, sentence)
