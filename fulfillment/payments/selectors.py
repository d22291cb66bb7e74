"""Queries about payments: receipts of a claim, and balance transactions by claim."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.rules.states import LIVE_REFUND_STATES, PaymentState


@dataclass(frozen=True)
class Paid:
    """A payment received for a claim, and the amount refunded; in minor units of `currency`."""

    payment: Payment
    amount: int
    currency: str
    refunds: list[Refund]

    @property
    def went_back(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.state in LIVE_REFUND_STATES)


def receipts_of(claim: Claim) -> list[Paid]:
    """All payments received for a claim, earliest first."""
    payments = claim.payments.filter(state=PaymentState.PAID).order_by("paid_at", "pk")
    return [
        Paid(
            payment=payment,
            amount=payment.received or 0,
            currency=payment.received_currency,
            refunds=sorted(payment.refunds.all(), key=lambda refund: refund.pk),
        )
        for payment in payments.prefetch_related("refunds")
    ]


_DASHBOARD = "https://dashboard.stripe.com"


def vendors_page(case: Case) -> str:
    """The vendor's dashboard URL for the object of a case; empty with the stand-in, which has none."""
    if settings.ENVIRONMENT.stripe_api_base.rstrip("/") != "https://api.stripe.com":
        return ""
    mode = "" if settings.ENVIRONMENT.stripe_mode == "live" else "/test"
    if case.reason == CaseReason.DISPUTE:
        return f"{_DASHBOARD}{mode}/disputes/{case.about}"
    intent = case.payment.payment_intent_id if case.payment else None
    return f"{_DASHBOARD}{mode}/payments/{intent}" if intent else f"{_DASHBOARD}{mode}/payments"


@dataclass(frozen=True)
class ClaimBooks:
    """Balance transactions of one claim up to a moment, summed, in minor units of the settlement currency.

    gross: paid by payers. fee: kept by the vendor, including dispute fees. refunds: positive. disputes: taken
    by payers' banks, less reversals; positive. net: gross − fee − refunds − disputes, the amount paid out to
    the foundation.
    """

    claim_code: str
    currency: str
    gross: int
    fee: int
    refunds: int
    disputes: int
    net: int


# The claim of a balance transaction: by its charge, refund or dispute.
_SOURCES = """
SELECT payment.charge_id AS source_id, payment.claim_id FROM payments_payment AS payment
WHERE payment.charge_id IS NOT NULL
UNION ALL
SELECT refund.vendor_id, payment.claim_id FROM payments_refund AS refund
JOIN payments_payment AS payment ON payment.id = refund.payment_id WHERE refund.vendor_id IS NOT NULL
UNION ALL
SELECT dispute.vendor_id, payment.claim_id FROM payments_dispute AS dispute
JOIN payments_payment AS payment ON payment.id = dispute.payment_id
"""
_BOOKS = f"""
SELECT claim.code, entry.currency,
       sum(entry.amount) FILTER (WHERE entry.category IN ('charge', 'payment')) AS gross,
       sum(entry.fee) AS fee,
       -sum(entry.amount) FILTER (WHERE entry.category IN ('refund', 'refund_failure')) AS refunds,
       -sum(entry.amount) FILTER (WHERE entry.category IN ('dispute', 'dispute_reversal')) AS disputes,
       sum(entry.net) AS net
FROM payments_bookentry AS entry
JOIN ({_SOURCES}) AS source ON source.source_id = entry.source_id
JOIN claims_claim AS claim ON claim.id = source.claim_id
JOIN claims_campaign AS campaign ON campaign.id = claim.campaign_id
WHERE entry.booked_at <= %(as_of)s AND (%(campaign)s::text IS NULL OR campaign.slug = %(campaign)s)
GROUP BY claim.code, entry.currency
ORDER BY claim.code, entry.currency
"""  # noqa: S608 - constants


def books_by_claim(*, as_of: datetime, campaign_slug: str | None = None) -> list[ClaimBooks]:
    """Gross, fee, refunds, disputes and net of every claim with balance transactions, up to a moment.

    Reads append-only rows: the result for a past moment no longer changes once that day's transactions are
    fetched (`balance_transactions.collect_books`, every night). One query.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BOOKS, {"as_of": as_of, "campaign": campaign_slug})
        rows = cursor.fetchall()
    return [
        ClaimBooks(
            claim_code=code,
            currency=currency,
            gross=int(gross or 0),
            fee=int(fee or 0),
            refunds=int(refunds or 0),
            disputes=int(disputes or 0),
            net=int(net or 0),
        )
        for code, currency, gross, fee, refunds, disputes, net in rows
    ]
