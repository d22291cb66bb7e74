"""Express shipping that was paid for."""

from fulfillment.claims.models import Claim, ClaimQuote


def paid_express(claim: Claim) -> ClaimQuote | None:
    """The quote that paid for express; None for standard, without a query."""
    if claim.service != "express":
        return None
    return ClaimQuote.objects.filter(claim=claim).first()
