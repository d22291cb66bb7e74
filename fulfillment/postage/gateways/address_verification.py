"""Address verification: whether the carrier knows an address, and its standard form. https://docs.easypost.com/docs/addresses"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fulfillment.shipments.carrier_values import NOT_ASKED, Finding, Verification
from fulfillment.vault.addresses import PostalAddress

Json = Mapping[str, Any]


# The vendor's code for a missing house or flat number.
_INCOMPLETE = ("E.HOUSE_NUMBER.MISSING", "E.SECONDARY_INFORMATION.MISSING", "E.SECONDARY_INFORMATION.INVALID")
# Our field → the vendor's. The name is not verified.
_PARTS = {"street1": "street1", "street2": "street2", "city": "city", "state": "state", "postal_code": "zip"}


def question(address: PostalAddress) -> dict[str, Any]:
    """The request: the address without the name. Any value of `verify` turns verification on."""
    label = address.for_label()
    parts = {theirs: getattr(label, ours) for ours, theirs in _PARTS.items()}
    return {
        "verify": True,
        "country": label.country,
        **{name: value for name, value in parts.items() if value},
    }


def read_verification(body: Json, *, asked: PostalAddress) -> Verification:
    """Parse the vendor's answer."""
    delivery = (body.get("verifications") or {}).get("delivery")
    if not isinstance(delivery, Mapping):
        return NOT_ASKED
    codes = [str(error.get("code")) for error in delivery.get("errors") or [] if isinstance(error, Mapping)]
    is_incomplete = any(code in _INCOMPLETE for code in codes)
    if delivery.get("success") is not True:
        return Verification(Finding.UNKNOWN, is_incomplete=is_incomplete)
    return Verification(Finding.KNOWN, _suggestion(body, asked.for_label()), is_incomplete)


def _suggestion(body: Json, asked: PostalAddress) -> PostalAddress | None:
    theirs = {ours: str(body.get(name) or "")[:100] for ours, name in _PARTS.items()}
    # A five-digit US code is good enough; do not ask about the other four digits.
    if asked.country == "US" and theirs["postal_code"].startswith(asked.postal_code + "-"):
        theirs["postal_code"] = asked.postal_code
    wording = {part: _in_ordinary_case(text) if part != "state" else text for part, text in theirs.items()}
    wording["postal_code"] = theirs["postal_code"]
    if _plain("".join(theirs.values())) == _plain("".join(getattr(asked, part) for part in _PARTS)):
        return None
    return replace(asked, **wording)


def _in_ordinary_case(text: str) -> str:
    """Convert the vendor's upper case to ordinary case; words with digits stay unchanged."""
    if not text.isupper():
        return text
    return " ".join(word if any(map(str.isdigit, word)) else word.capitalize() for word in text.split())


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
