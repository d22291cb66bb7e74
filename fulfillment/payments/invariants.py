"""I6: every charge belongs to a claim, cancelled paid claims are refunded once, amounts add up. I10: every
claim on hold has a reason.

These checks compare our own rows; `reconcile_payments` compares them with the vendor's.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection

from common import clock
from common.invariants import Check, Violation
from fulfillment.payments.models import BookEntry, Dispute, Fulfilment, Payment, Refund

# Time for a worker to ask the vendor and plan the refund of a cancelled claim.
REFUNDED_WITHIN = timedelta(hours=6)

_UNSERVED = """
SELECT payment.code, claim.code, claim.state FROM payments_payment AS payment
JOIN claims_claim AS claim ON claim.id = payment.claim_id
LEFT JOIN payments_fulfilment AS fulfilment ON fulfilment.payment_id = payment.id
WHERE (payment.state = 'paid') <> (fulfilment.id IS NOT NULL)
   OR fulfilment.claim_id <> payment.claim_id
   OR fulfilment.amount <> payment.received OR fulfilment.currency <> payment.received_currency
"""


def money_is_acted_on() -> tuple[int, Iterable[Violation]]:
    """Each paid payment has fulfilled its claim or was refunded, once; no unpaid one has."""
    return Payment.objects.count(), [
        Violation("I6", f"the claim is {state}, which does not match the payment's outcome", [payment, claim])
        for payment, claim, state in _rows(_UNSERVED)
    ]


# Claims with a price that were sent without a payment of the quoted amount.
_SENT_UNPAID = """
SELECT claim.code, claim.state, quote.total, quote.currency, payment.received, payment.received_currency
FROM claims_claim AS claim
JOIN claims_claimquote AS quote ON quote.claim_id = claim.id
LEFT JOIN payments_fulfilment AS fulfilment
    ON fulfilment.claim_id = claim.id AND fulfilment.outcome <> 'given_back'
LEFT JOIN payments_payment AS payment ON payment.id = fulfilment.payment_id
WHERE claim.state IN ('accepted', 'shipped', 'delivered', 'returned')
  AND (payment.id IS NULL
       OR payment.received NOT IN (0, quote.total)
       OR payment.received_currency <> quote.currency)
"""


def nothing_is_sent_unpaid() -> tuple[int, Iterable[Violation]]:
    """No claim with a price was accepted without payment of its price."""
    return Fulfilment.objects.count(), [
        Violation("I6", f"{state}, costs {total} {currency}, received {received} {in_currency}", [code])
        for code, state, total, currency, received, in_currency in _rows(_SENT_UNPAID)
    ]


# What remains of payments to be refunded: not refunded, not being refunded, not failed (that has a case),
# not disputed.
_KEPT = """
SELECT payment.code, claim.code, payment.received, coalesce(refunds.back, 0), coalesce(disputes.taken, 0)
FROM payments_payment AS payment
JOIN claims_claim AS claim ON claim.id = payment.claim_id
LEFT JOIN payments_fulfilment AS fulfilment ON fulfilment.payment_id = payment.id
LEFT JOIN LATERAL (
    SELECT sum(amount) AS back FROM payments_refund AS refund
    WHERE refund.payment_id = payment.id
      AND (refund.state IN ('planned', 'pending', 'succeeded')
           OR refund.state = 'failed'
              AND NOT EXISTS (SELECT FROM payments_refund AS again WHERE again.replaces_id = refund.id))
) AS refunds ON true
LEFT JOIN LATERAL (
    SELECT sum(amount) AS taken FROM payments_dispute AS dispute
    WHERE dispute.payment_id = payment.id AND dispute.state <> 'won'
) AS disputes ON true
WHERE payment.state = 'paid'
  AND (claim.state IN ('cancelled', 'rejected') AND claim.updated_at < %(before)s
       OR fulfilment.outcome = 'given_back')
  AND coalesce(refunds.back, 0) + coalesce(disputes.taken, 0) < payment.received
"""


def nothing_unearned_is_kept() -> tuple[int, Iterable[Violation]]:
    """Payments of cancelled and rejected claims, and payments without effect, are being refunded in full."""
    before = clock.now() - REFUNDED_WITHIN
    return Payment.objects.filter(state="paid").count(), [
        Violation("I6", f"received {received}, refunded {back}, disputed {taken}", [payment, claim])
        for payment, claim, received, back, taken in _rows(_KEPT, {"before": before})
    ]


_TOO_MUCH = """
SELECT payment.code, payment.received, sum(refund.amount)
FROM payments_refund AS refund JOIN payments_payment AS payment ON payment.id = refund.payment_id
WHERE refund.state IN ('planned', 'pending', 'succeeded')
GROUP BY payment.id
HAVING payment.received IS NULL OR sum(refund.amount) > payment.received
    OR count(*) FILTER (WHERE refund.currency <> payment.received_currency) > 0
"""


def no_more_goes_back_than_came() -> tuple[int, Iterable[Violation]]:
    """The refunds of a payment do not exceed it, and are in its currency."""
    return Refund.objects.count(), [
        Violation("I6", f"received {received}, refunded {back}", [payment])
        for payment, received, back in _rows(_TOO_MUCH)
    ]


# The settlement currency may differ from the payment's; amounts are compared where both are the same.
_MISBOOKED = """
SELECT entry.vendor_id, payment.code, entry.amount, payment.received
FROM payments_bookentry AS entry JOIN payments_payment AS payment ON payment.charge_id = entry.source_id
WHERE entry.category IN ('charge', 'payment') AND entry.currency = payment.received_currency
  AND entry.amount <> payment.received
UNION ALL
SELECT entry.vendor_id, refund.code, entry.amount, -refund.amount
FROM payments_bookentry AS entry JOIN payments_refund AS refund ON refund.vendor_id = entry.source_id
WHERE entry.category = 'refund' AND entry.currency = refund.currency AND entry.amount <> -refund.amount
"""


def books_agree() -> tuple[int, Iterable[Violation]]:
    """The vendor's balance transactions match our payments and refunds."""
    return BookEntry.objects.count(), [
        Violation("I6", f"the vendor booked {booked}, we have {known}", [entry, ours])
        for entry, ours, booked, known in _rows(_MISBOOKED)
    ]


_HELD = """
SELECT claim.code FROM claims_claim AS claim
WHERE claim.state = 'accepted' AND claim.held_at IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM payments_dispute AS dispute
      JOIN payments_payment AS payment ON payment.id = dispute.payment_id
      WHERE payment.claim_id = claim.id AND dispute.state <> 'won')
"""


def what_is_held_back_is_disputed() -> tuple[int, Iterable[Violation]]:
    """Every claim on hold has a dispute that is not won."""
    return Dispute.objects.count(), [
        Violation("I10", "on hold without a dispute", [code]) for (code,) in _rows(_HELD)
    ]


def _rows(sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or {})
        rows: list[tuple[str, ...]] = cursor.fetchall()
    return rows


CHECKS = [
    Check("I6", "payments have one outcome", money_is_acted_on),
    Check("I6", "nothing is sent unpaid", nothing_is_sent_unpaid),
    Check("I6", "due refunds are planned", nothing_unearned_is_kept),
    Check("I6", "refunds do not exceed payments", no_more_goes_back_than_came),
    Check("I6", "balance transactions match", books_agree),
    Check("I10", "claims on hold are disputed", what_is_held_back_is_disputed),
]
