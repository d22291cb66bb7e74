"""Address entry: the form of the country, and the carrier's address verification."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from fulfillment.claims.models import Region
from fulfillment.postage import gateways
from fulfillment.shipments.carrier_values import Finding, Verification
from fulfillment.vault.addresses import LATIN, PostalAddress
from pages.forms.address import AddressForm

Show = Callable[[str, dict[str, object], int], HttpResponse]
# The address lines compared on the page "difference".
_COMPARED = ("street1", "street2", "postal_code", "city", "state")


def ask_address(
    request: HttpRequest,
    *,
    country: str,
    region: Region | None,
    now: datetime,
    known: Callable[[], PostalAddress | None],
    keep: Callable[[PostalAddress], HttpResponse],
    show: Show,
    template: str,
) -> HttpResponse:
    """Show or process the form. The carrier verifies an address once, and the person can overrule it.

    Args: known: opens the existing address as initial value; called only for a new form.
          keep: stores a valid address and returns the next response.
          show: renders a template with a context and a status.
    """
    if request.method != "POST":
        form = AddressForm(country=country, region=region, now=now, address=known())
        return show(template, {"form": form}, 200)
    form = AddressForm(request.POST, country=country, region=region, now=now)
    if request.POST.get("looked_at") == "again":
        # Return to the form with the typed values; the page "difference" has no fields of its own.
        return show(template, {"form": form}, 200)
    if not form.is_valid() or form.address is None:
        return show(template, {"form": form}, 422)
    if request.POST.get("looked_at") == "yes":
        return keep(form.address)
    found = gateways.address_verifier().verify_address(form.address)
    if found.finding is Finding.NOT_ASKED or (found.suggestion is None and not _doubts(found)):
        return keep(form.address)
    theirs = found.suggestion
    return show(
        "pages/claiming/difference.html",
        {
            "given": _lines(form.address.for_label(), theirs),
            "suggested": _lines(theirs, form.address.for_label()) if theirs else None,
            "given_fields": _fields(form.address),
            "suggested_fields": _fields(_corrected(form.address, theirs)) if theirs else [],
            "is_unknown": found.finding is Finding.UNKNOWN,
            "is_incomplete": found.is_incomplete,
            "form_url": request.path,
        },
        200,
    )


def _doubts(found: Verification) -> bool:
    return found.finding is Finding.UNKNOWN or found.is_incomplete


def _corrected(typed: PostalAddress, suggestion: PostalAddress) -> Mapping[str, str]:
    """The typed address with the carrier's version of the label lines; the other script is kept."""
    wording = asdict(typed)
    for part in _COMPARED:
        script = LATIN if part in typed.parts_to_latinise else ""
        wording[script + part] = getattr(suggestion, part)
    return wording


def _fields(address: PostalAddress | Mapping[str, str]) -> list[tuple[str, str]]:
    """An address as hidden fields; it is stored only in the page."""
    parts = address if isinstance(address, Mapping) else asdict(address)
    return [(name, value) for name, value in parts.items() if value and name != "country"]


def _lines(address: PostalAddress, other: PostalAddress | None) -> list[tuple[str, bool]]:
    """The lines to compare, and whether each differs."""
    return [
        (value, other is not None and value != getattr(other, part))
        for part in _COMPARED
        if (value := getattr(address, part))
    ]
