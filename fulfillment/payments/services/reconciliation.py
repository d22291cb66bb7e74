"""Compare payments, refunds, disputes and balance transactions with the vendor; list each difference.

Nothing is changed here. `--settle` updates our records from the vendor; the rest needs a person.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q

from fulfillment.claims.rules import ClaimState
from fulfillment.payments.gateways.base import PaymentGateway
from fulfillment.payments.models import BookEntry, Dispute, Payment, Refund
from fulfillment.payments.rules.refunds import refund_state
from fulfillment.payments.rules.session_outcome import amount_differences, amount_to_refund, state_seen
from fulfillment.payments.rules.states import (
    DISPUTE_ENDS,
    LIVE_REFUND_STATES,
    CheckoutOutcome,
    DisputeState,
    PaymentState,
    RefundState,
)
from fulfillment.payments.values import BalanceEntry, Checkout, VendorDispute, VendorRefund

# A session lives a day, a refund can fail for weeks, a dispute can come after months.
LOOK_BACK = timedelta(days=35)
# A session is created after its payment; an early one in the window may belong to a payment before it.
MADE_WITHIN = timedelta(days=1)
# The latest changes may be known on one side only.
SETTLED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class BookDifference:
    """One difference between our records and the vendor's.

    Args: kind: a stable code. ids: the objects concerned, ours first. remedy: what to do about it.
    """

    kind: str
    ids: Sequence[str]
    ours: str
    theirs: str
    remedy: str
    payment_id: int | None = None


_REMEDIES = {
    "unknown_session": "It belongs to no payment. If it was paid, refund it in Stripe's dashboard.",
    "missing_session": "The vendor has no such session. Check which account STRIPE_SECRET_KEY belongs to.",
    "state": "Run this command with --settle.",
    "amount": "A case is open, or opens with --settle; the payment is refunded.",
    "currency": "A case is open, or opens with --settle; the payment is refunded.",
    "claim": "A case is open, or opens with --settle; the payment is refunded.",
    "mode": "Test and live payments are mixed. Stop taking payments and check the API keys.",
    "unknown_refund": "Run this command with --settle to record it.",
    "missing_refund": "The vendor has no such refund. Ask the vendor before sending it again.",
    "refund_amount": "The planned and the sent amount differ. Compare both in Stripe's dashboard.",
    "refund_state": "Run this command with --settle.",
    "unsent_refund": "It was not sent yet. Check the jobs.",
    "not_given_back": "A refund is due that was not made in full. Run this command with --settle.",
    "unknown_dispute": "Run this command with --settle to record it and put the claim on hold.",
    "dispute_state": "Run this command with --settle.",
    "unbooked": "Run this command with --settle to fetch balance transactions.",
    "book_entry": "Our copy of a balance transaction differs. Ask the vendor for a statement.",
    "missing_entry": "The vendor no longer has this balance transaction. Ask the vendor for a statement.",
    "money_without_claim": "A charge without a claim. Refund it in Stripe's dashboard, or book it.",
}


def reconcile(*, gateway: PaymentGateway, since: datetime, now: datetime) -> list[BookDifference]:
    """All differences between our records and the vendor's since then, in a fixed order.

    Holds the objects of the window in memory.

    Raises: PaymentGatewayError: the vendor could not be reached.
    """
    until = now - SETTLED_AFTER
    checkouts = list(gateway.list_checkouts(since=since))
    refunds = list(gateway.list_refunds(since=since))
    disputes = list(gateway.list_disputes(since=since))
    entries = list(gateway.list_entries(since=since))
    # Recent refunds and disputes may belong to older payments.
    touched = {one.payment_intent_id for one in refunds} | {one.payment_intent_id for one in disputes}
    payments = list(_payments(since, touched=touched))
    found = [
        *_sessions(payments, checkouts, mode=gateway.mode, since=since, until=until),
        *_refunds(payments, refunds, since=since, until=until),
        *_disputes(payments, disputes, since=since),
        *_unpaid_back(payments, until=until),
        *_entries(entries, since=since, until=until),
        *_strangers(payments, entries, until=until),
    ]
    return sorted(found, key=lambda one: (one.kind, list(one.ids)))


def _payments(since: datetime, *, touched: Collection[str]) -> Iterable[Payment]:
    """Payments of the window, and older ones with a refund or dispute in it."""
    return (
        Payment.objects.filter(
            Q(created_at__gte=since - MADE_WITHIN)
            | Q(refunds__created_at__gte=since)
            | Q(disputes__opened_at__gte=since)
            | Q(payment_intent_id__in=touched)
        )
        .distinct()
        .select_related("claim", "fulfilment")
        .prefetch_related(
            Prefetch("refunds", queryset=Refund.objects.order_by("pk")),
            Prefetch("disputes", queryset=Dispute.objects.order_by("pk")),
        )
        .order_by("pk")
    )


def _difference(
    kind: str, ids: Sequence[str], ours: str, theirs: str, payment: Payment | None = None
) -> BookDifference:
    return BookDifference(kind, list(ids), ours, theirs, _REMEDIES[kind], payment.pk if payment else None)


def _sessions(
    payments: Sequence[Payment],
    checkouts: Sequence[Checkout],
    *,
    mode: str,
    since: datetime,
    until: datetime,
) -> Iterator[BookDifference]:
    theirs = {checkout.id: checkout for checkout in checkouts}
    known = {payment.session_id for payment in payments}
    by_code = {payment.code: payment for payment in payments}
    for checkout in checkouts:
        if checkout.id not in known and checkout.created_at <= until:
            # Ours, if the response was lost: --settle adopts it. A foreign or second session needs a person.
            payment = by_code.get(checkout.payment_code)
            ours = (
                f"payment {payment.code} with {payment.session_id or 'no session'}" if payment else "nothing"
            )
            yield _difference("unknown_session", [checkout.id], ours, _of(checkout))
    for payment in payments:
        if payment.session_id is None or payment.mode != mode:
            continue
        mine = theirs.get(payment.session_id)
        if mine is None:
            if since <= payment.created_at <= until:
                yield _difference(
                    "missing_session", [payment.code, payment.session_id], payment.state, "none", payment
                )
            continue
        yield from _session(payment, mine, mode=mode, until=until)


def _session(payment: Payment, checkout: Checkout, *, mode: str, until: datetime) -> Iterator[BookDifference]:
    ids = [payment.code, checkout.id]
    if checkout.is_live != (mode == "live"):
        yield _difference("mode", ids, payment.mode, "live" if checkout.is_live else "test", payment)
        return
    seen = state_seen(checkout)
    is_settled = payment.updated_at <= until
    if payment.state != seen and is_settled:
        yield _difference("state", ids, payment.state, seen, payment)
    for differs in amount_differences(
        checkout,
        amount=payment.amount,
        currency=payment.currency,
        claim_code=payment.claim.code,
        payment_code=payment.code,
    ):
        kind = "claim" if differs == "payment" else differs
        yield _difference(kind, ids, f"{payment.amount} {payment.currency}", _of(checkout), payment)
    if payment.state == PaymentState.PAID == seen and payment.received != (checkout.received or 0):
        yield _difference(
            "amount", ids, f"received {payment.received}", f"received {checkout.received}", payment
        )


def _of(checkout: Checkout) -> str:
    taken = checkout.received if checkout.received is not None else checkout.amount
    return f"{checkout.status}, {checkout.payment_status}, {taken} {checkout.currency}"


def _refunds(
    payments: Sequence[Payment], listed: Sequence[VendorRefund], *, since: datetime, until: datetime
) -> Iterator[BookDifference]:
    theirs = {one.id: one for one in listed}
    known = {refund.vendor_id for payment in payments for refund in payment.refunds.all()}
    by_intent = {payment.payment_intent_id: payment for payment in payments if payment.payment_intent_id}
    for one in listed:
        if one.id not in known and one.created_at <= until:
            payment = by_intent.get(one.payment_intent_id)
            theirs_is = f"{one.status}, {one.amount} {one.currency}"
            yield _difference(
                "unknown_refund", [one.id, one.payment_intent_id], "nothing", theirs_is, payment
            )
    for payment in payments:
        for refund in payment.refunds.all():
            yield from _refund(refund, theirs, payment, since=since, until=until)


def _refund(
    refund: Refund,
    theirs: dict[str, VendorRefund],
    payment: Payment,
    *,
    since: datetime,
    until: datetime,
) -> Iterator[BookDifference]:
    ours = f"{refund.state}, {refund.amount} {refund.currency}"
    if refund.vendor_id is None:
        if refund.state == RefundState.PLANNED and refund.created_at <= until:
            yield _difference("unsent_refund", [refund.code], ours, "none", payment)
        return
    one = theirs.get(refund.vendor_id)
    if one is None:
        if refund.created_at >= since:
            yield _difference("missing_refund", [refund.code, refund.vendor_id], ours, "none", payment)
        return
    said = f"{one.status}, {one.amount} {one.currency}"
    if (one.amount, one.currency) != (refund.amount, refund.currency):
        yield _difference("refund_amount", [refund.code, one.id], ours, said, payment)
    if refund_state(one.status) != refund.state and refund.updated_at <= until:
        yield _difference("refund_state", [refund.code, one.id], ours, said, payment)


def _disputes(
    payments: Sequence[Payment], listed: Sequence[VendorDispute], *, since: datetime
) -> Iterator[BookDifference]:
    known = {dispute.vendor_id: dispute for payment in payments for dispute in payment.disputes.all()}
    by_intent = {payment.payment_intent_id: payment for payment in payments if payment.payment_intent_id}
    for one in listed:
        dispute = known.get(one.id)
        payment = by_intent.get(one.payment_intent_id)
        said = f"{one.status}, {one.amount} {one.currency}"
        if dispute is None:
            yield _difference("unknown_dispute", [one.id, one.payment_intent_id], "nothing", said, payment)
        elif DISPUTE_ENDS.get(one.status, DisputeState.OPEN) != dispute.state:
            yield _difference("dispute_state", [one.id], dispute.state, said, payment)


def _unpaid_back(payments: Sequence[Payment], *, until: datetime) -> Iterator[BookDifference]:
    """Payments that should be refunded in full but are not."""
    for payment in payments:
        if payment.state != PaymentState.PAID or payment.claim.updated_at > until:
            continue
        fulfilment = getattr(payment, "fulfilment", None)
        is_given_up = payment.claim.state in (ClaimState.CANCELLED, ClaimState.REJECTED)
        if not is_given_up and (fulfilment is None or fulfilment.outcome != CheckoutOutcome.GIVEN_BACK):
            continue
        refunds = list(payment.refunds.all())
        sent_again = {one.replaces_id for one in refunds}
        left = amount_to_refund(
            received=payment.received or 0,
            going_back=sum(one.amount for one in refunds if one.state in LIVE_REFUND_STATES),
            failed=sum(
                one.amount for one in refunds if one.state == RefundState.FAILED and one.pk not in sent_again
            ),
            disputed=sum(one.amount for one in payment.disputes.all() if one.state != DisputeState.WON),
        )
        if left:
            ours = f"{left} {payment.received_currency} left"
            yield _difference("not_given_back", [payment.code, payment.claim.code], ours, "", payment)


def _entries(
    entries: Sequence[BalanceEntry], *, since: datetime, until: datetime
) -> Iterator[BookDifference]:
    booked = {entry.vendor_id: entry for entry in BookEntry.objects.filter(booked_at__gte=since)}
    for entry in entries:
        ours = booked.pop(entry.id, None)
        theirs = f"{entry.amount} less {entry.fee} {entry.currency}"
        if ours is None:
            if entry.created_at <= until:
                yield _difference("unbooked", [entry.id, entry.source_id], "nothing", theirs)
        elif (ours.amount, ours.fee, ours.currency, ours.source_id) != (
            entry.amount,
            entry.fee,
            entry.currency,
            entry.source_id,
        ):
            said = f"{ours.amount} less {ours.fee} {ours.currency}"
            yield _difference("book_entry", [entry.id, entry.source_id], said, theirs)
    for ours in booked.values():
        said = f"{ours.amount} less {ours.fee} {ours.currency}"
        yield _difference("missing_entry", [ours.vendor_id, ours.source_id], said, "none")


def _strangers(
    payments: Sequence[Payment], entries: Sequence[BalanceEntry], *, until: datetime
) -> Iterator[BookDifference]:
    """Charges in the balance transactions without a payment."""
    charges = [entry for entry in entries if entry.category in ("charge", "payment")]
    known = set(
        Payment.objects.filter(charge_id__in=[entry.source_id for entry in charges]).values_list(
            "charge_id", flat=True
        )
    )
    for entry in charges:
        if entry.source_id not in known and entry.created_at <= until:
            theirs = f"{entry.amount} {entry.currency}"
            yield _difference("money_without_claim", [entry.source_id, entry.id], "nothing", theirs)
