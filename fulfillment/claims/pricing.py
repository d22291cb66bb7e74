"""Price a claim: the price list in force, the quote, and the payment deadline."""

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
    """The most keys a claim may have: the allotment, plus the extra keys that can be bought.

    Reads no price list when the items are within the allotment.
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
    """Quote a claim before it is made; most claims are free.

    The review step shows the quote and passes it to `submit_claim(agreed=…)`, which refuses if the price
    has changed.
    A free claim reads no price list.

    Args:   items: empty requests the full allotment.
            region: the country's row in force, where the caller has it already.
    Raises: BadRequest: part of it is not sold, with the field and the remedy.
    """
    region = region or country_region(country=country, now=now)
    keys = sum(item.quantity for item in items) if items else campaign.per_claim
    # The policy refuses a country without a row, so its price does not matter.
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
    """Store the agreed quote with the claim, permanently."""
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
    """The payment deadline of a claim that enters this state now; None where nothing is to be paid."""
    return now + PAY_WITHIN if state == ClaimState.AWAITING_PAYMENT else None


def is_free(claim: Claim) -> bool:
    """Whether nothing is left to pay. A claim in review or on the waitlist already has its quote.

    A claim that was paid and lost its keys to a recall is on the waitlist again, and is not paid for twice.
    """
    if not ClaimQuote.objects.filter(claim=claim).exists():
        return True
    return ClaimEvent.objects.filter(claim=claim, name=ClaimEvent.Name.PAID).exists()


def payment_due_context(claim: Claim) -> NoticeContext:
    """The values of the email about a payment that is due."""
    assert claim.payment_due_at is not None, "a claim to be paid has a deadline"
    quote = ClaimQuote.objects.get(claim=claim)
    return {
        "total": {"amount": quote.total, "currency": quote.currency},
        "until": claim.payment_due_at.isoformat(),
    }
