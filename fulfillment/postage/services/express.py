"""Express shipping that was paid for: kept, or refunded."""

from fulfillment.claims.models import Claim, ClaimQuote


def paid_express(claim: Claim) -> ClaimQuote | None:
    """The quote by which express was paid for; None for standard. No query for standard."""
    if claim.service != "express":
        return None
    return ClaimQuote.objects.filter(claim=claim).first()
