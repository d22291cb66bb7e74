"""Price a claim: the price list in force, the quote, and the terms on which it is to be paid."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from common.errors import BadRequest
from fulfillment.claims.models import Campaign, Claim, ClaimEvent, ClaimQuote, PriceList, Region
from fulfillment.claims.region_lookup import country_region
from fulfillment.claims.rules import ClaimState, WantedItem
from fulfillment.claims.rules.price_documents import parse_prices
from fulfillment.claims.rules.quotes import FREE, NotSold, Prices, Quote, quote_lines
from fulfillment.notices.contexts import NoticeContext

# Checkout takes a payment for up to a day, so keys are held that long.
PAY_WITHIN = timedelta(hours=23)


def prices_in_force(campaign: Campaign, now: datetime) -> Prices | None:
    """The campaign's price list now; None when it sells nothing."""
    row = PriceList.objects.in_force(now).filter(campaign=campaign).order_by("-valid_from").first()
    if row is None:
        return None
    published, problems = parse_prices(row.document)
    assert published is not None, f"a published price list reads: {problems}"
    return published.prices


def max_keys(campaign: Campaign, items: Sequence[WantedItem], now: datetime) -> int:
    """The most keys a claim may hold: the allotment, and what may be bought beyond it.

    Asks no price list when the items are within the allotment.
    """
    if sum(item.quantity for item in items) <= campaign.per_claim:
        return campaign.per_claim
    prices = prices_in_force(campaign, now)
    extra = prices.max_extra_keys if prices is not None and prices.extra_key is not None else 0
    return campaign.per_claim + extra


def quote_for(
    *,
    campaign: Campaign,
    items: Sequence[WantedItem],
    country: str,
    service: str,
    now: datetime,
    region: Region | None = None,
) -> Quote:
    """What a claim of these items costs, before it is made; `quote.is_free` for most.

    The review step shows it and hands it to `submit_claim(agreed=…)`, which refuses if it has changed.
    A free claim asks no price list.

    Args:   items: empty asks for the full allotment.
            region: the country's row in force, where the caller has it already.
    Raises: BadRequest: something of it is not sold, with the field and the remedy.
    """
    region = region or country_region(country=country, now=now)
    keys = sum(item.quantity for item in items) if items else campaign.per_claim
    # A country without a row is refused by the policy; what it would cost is beside the point.
    is_sponsored = region is None or region.is_sponsored
    if keys <= campaign.per_claim and service == "standard" and is_sponsored:
        return FREE
    answer = quote_lines(
        prices_in_force(campaign, now),
        keys=keys,
        free_keys=campaign.per_claim,
        service=service,
        country=country,
        is_sponsored=is_sponsored,
    )
    if isinstance(answer, NotSold):
        raise BadRequest([answer.error])
    return answer


def store_quote(quote: Quote, *, claim: Claim, now: datetime) -> ClaimQuote:
    """Keep what was agreed with the claim, for ever."""
    return ClaimQuote.objects.create(
        claim=claim,
        prices=quote.prices,
        currency=quote.currency,
        tax_behavior=quote.tax_behavior,
        lines=quote.as_json(),
        total=quote.total,
        express_days=quote.express_days,
        quoted_at=now,
    )


def payment_due_at(state: ClaimState, now: datetime) -> datetime | None:
    """Until when the keys are held for a claim that comes to this state now."""
    return now + PAY_WITHIN if state == ClaimState.AWAITING_PAYMENT else None


def is_free(claim: Claim) -> bool:
    """Whether nothing is to be paid for it (any more). A claim in review or in line has its quote already.

    One that was paid and then lost its keys to a recall is in line again, and is not paid twice.
    """
    if not ClaimQuote.objects.filter(claim=claim).exists():
        return True
    return ClaimEvent.objects.filter(claim=claim, name=ClaimEvent.Name.PAID).exists()


def payment_due_context(claim: Claim) -> NoticeContext:
    """What the mail about a claim to be paid needs."""
    assert claim.payment_due_at is not None, "a claim to be paid has a deadline"
    quote = ClaimQuote.objects.get(claim=claim)
    return {
        "total": {"amount": quote.total, "currency": quote.currency},
        "until": claim.payment_due_at.isoformat(),
    }
