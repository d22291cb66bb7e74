"""Whether a carrier knows an address, and how it writes it: https://docs.easypost.com/docs/addresses"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fulfillment.shipments.carrier_values import NOT_ASKED, Finding, Verification
from fulfillment.vault.addresses import PostalAddress

Json = Mapping[str, Any]


# The vendor's word for an address that lacks the number of the house or of the flat.
_INCOMPLETE = ("E.HOUSE_NUMBER.MISSING", "E.SECONDARY_INFORMATION.MISSING", "E.SECONDARY_INFORMATION.INVALID")
# Ours → the vendor's. The name is not the carrier's to correct.
_PARTS = {"street1": "street1", "street2": "street2", "city": "city", "state": "state", "postal_code": "zip"}


def question(address: PostalAddress) -> dict[str, Any]:
    """What the vendor is asked: where, not who. Any value of `verify` is a yes, so it is sent only here."""
    label = address.for_label()
    parts = {theirs: getattr(label, ours) for ours, theirs in _PARTS.items()}
    return {
        "verify": True,
        "country": label.country,
        **{name: value for name, value in parts.items() if value},
    }


def read_verification(body: Json, *, asked: PostalAddress) -> Verification:
    """The vendor's answer as ours."""
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
    # Five digits of a US code are as good as nine: the rest is not worth a question.
    if asked.country == "US" and theirs["postal_code"].startswith(asked.postal_code + "-"):
        theirs["postal_code"] = asked.postal_code
    wording = {part: _in_ordinary_case(text) if part != "state" else text for part, text in theirs.items()}
    wording["postal_code"] = theirs["postal_code"]
    if _plain("".join(theirs.values())) == _plain("".join(getattr(asked, part) for part in _PARTS)):
        return None
    return replace(asked, **wording)


def _in_ordinary_case(text: str) -> str:
    """The post shouts; people do not. Words with digits stay as they are."""
    if not text.isupper():
        return text
    return " ".join(word if any(map(str.isdigit, word)) else word.capitalize() for word in text.split())


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
