"""Validate what a claim asks for: its keys, its address, its service and its price.

`validate_request` checks all of it, for drafts and the API alike. Pages and the API check parts first to show
each problem beside its field: `item_problems` checks the keys, `read_address` the address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.errors import BadRequest, FieldError
from fulfillment.claims.errors import PriceChanged
from fulfillment.claims.models import Campaign, Region
from fulfillment.claims.pricing import max_keys, quote_for
from fulfillment.claims.region_lookup import address_region, offered_models
from fulfillment.claims.rules import WantedItem, check_items
from fulfillment.claims.rules.quotes import Quote
from fulfillment.vault.addresses import LATIN, PostalAddress, is_po_box, parse_address

_NOT_IN_PART = FieldError(
    "in_part",
    "to_be_paid",
    "A claim that has to be paid for is sent as a whole. Remove the paid extras, or wait.",
)


@dataclass(frozen=True)
class ClaimTerms:
    """The terms for an address in a campaign now: its region row, and the key models by SKU."""

    region: Region | None
    offered: Mapping[str, int]


def claim_terms(campaign: Campaign, *, address: PostalAddress, now: datetime) -> ClaimTerms:
    """The current terms for an address. Raises: BadRequest: as `address_region`."""
    region = address_region(address, now=now)
    return ClaimTerms(region, offered_models(campaign, country=address.country, now=now))


@dataclass(frozen=True)
class ClaimRequest:
    """A validated and priced request for a claim.

    `items` is not empty; `address` has only the parts that the region requires.
    """

    campaign: Campaign
    items: Sequence[WantedItem]
    address: PostalAddress
    service: str
    terms: ClaimTerms
    quote: Quote
    in_part: bool


def validate_request(
    *,
    campaign: Campaign,
    items: Sequence[WantedItem],
    address: PostalAddress,
    service: str,
    now: datetime,
    agreed: Quote | None = None,
    terms: ClaimTerms | None = None,
    in_part: bool = False,
) -> ClaimRequest:
    """Check a request in the order in which problems are reported: keys, address, price.

    Args:   as `submission.submit_claim`.
    Raises: BadRequest, PriceChanged: as `submission.submit_claim`.
    """
    terms = terms or claim_terms(campaign, address=address, now=now)
    wanted = items or [WantedItem(None, campaign.per_claim)]
    if problems := item_problems(wanted, campaign=campaign, offered=terms.offered, now=now):
        raise BadRequest(problems)
    # Before the price: extras are not sold to places that keys cannot be sent to.
    address = fit_to_region(address, region=terms.region)
    quote = quote_for(
        campaign=campaign,
        items=wanted,
        country=address.country,
        service=service,
        now=now,
        region=terms.region,
    )
    if agreed is not None and (agreed.total, agreed.currency) != (quote.total, quote.currency):
        raise PriceChanged(quote)
    if in_part and not quote.is_free:
        raise BadRequest([_NOT_IN_PART])
    return ClaimRequest(campaign, wanted, address, service, terms, quote, in_part)


def item_problems(
    items: Sequence[WantedItem], *, campaign: Campaign, offered: Mapping[str, int], now: datetime
) -> list[FieldError]:
    """Problems with the keys that a claim asks for; empty when there are none.

    Args: offered: the key models that the campaign offers in the country, by SKU.
    """
    return check_items(items, per_claim=max_keys(campaign, items, now), offered_skus=sorted(offered))


def read_address(given: object, *, now: datetime) -> tuple[PostalAddress, Region | None]:
    """Parse an address and check it against its region. Returns: the address and its region's row.

    Raises: BadRequest: naming every part that is not valid, or that the region or the label needs.
    """
    address = parse_address(given)
    region = address_region(address, now=now)
    if problems := address_problems(address, region=region):
        raise BadRequest(problems)
    return address, region


def address_problems(address: PostalAddress, *, region: Region | None) -> list[FieldError]:
    """Parts that the region or the label needs and the address lacks; empty when it has all.

    Args: region: the row of the address's subdivision. Closed countries are refused by the decision instead.
    """
    problems = [
        FieldError(f"shipping_address.{LATIN}{part}", "latin_required", _LATIN_NEEDED)
        for part in address.parts_to_latinise
        if not getattr(address, LATIN + part)
    ]
    if region is None:
        return problems
    if region.subdivision and region.status != Region.Status.OPEN:
        problems.append(FieldError("shipping_address.state", "closed_part", region.reason))
    if region.phone_required and not address.phone:
        problems.append(FieldError("shipping_address.phone", "required", _PHONE_NEEDED))
    if region.tax_id_required and not address.tax_id:
        problems.append(FieldError("shipping_address.tax_id", "required", _TAX_ID_NEEDED))
    if is_po_box(address) and not region.po_box_allowed:
        problems.append(FieldError("shipping_address.street1", "po_box", _NO_PO_BOX))
    return problems


_LATIN_NEEDED = "Carriers can only read Latin letters. Enter this in Latin letters too."
_PHONE_NEEDED = "Carriers need a phone number for parcels to this country."
_TAX_ID_NEEDED = "Customs in this country require the recipient’s tax or personal number."
_NO_PO_BOX = "Carriers cannot deliver to a PO box in this country. Enter a street address."


def fit_to_region(address: PostalAddress, *, region: Region | None) -> PostalAddress:
    """Drop the parts of an address that the region does not require, so that they are not kept.

    Raises: BadRequest: naming the parts that the region or the label needs and the address lacks.
    """
    if problems := address_problems(address, region=region):
        raise BadRequest(problems)
    if region is None:
        return address
    return replace(
        address,
        phone=address.phone if region.phone_required else "",
        tax_id=address.tax_id if region.tax_id_required else "",
    )
