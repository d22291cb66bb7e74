"""Payments of a rehearsal's people, on the stand-in's checkout page.

Payments happen at fixed moments with no worker running: their result must not depend on whether the vendor's
webhook or the returning person is faster. So no webhook endpoint is registered with the vendor: people return
from the page, and payments left open are checked in the evening.
"""

from collections import Counter
from http.client import HTTPConnection
from urllib.parse import urlsplit

from django.db.models import Sum

from common import clock
from fulfillment.claims.models import Claim
from fulfillment.payments import gateways
from fulfillment.payments.models import BookEntry, Payment, Refund
from fulfillment.payments.rules.states import PaymentState, RefundState
from fulfillment.payments.services import expiry
from fulfillment.payments.services.balance_transactions import collect_books, is_used
from fulfillment.payments.services.checkout import start_checkout
from fulfillment.payments.services.settlement import settle_payment
from sandbox.rehearsal.people import PaymentBehaviour, Person
from sandbox.rehearsal.result import PaymentComparison
from sandbox.stripe.client import StripeControl

TIMEOUT_S = 20


class Payers:
    """Pays, leaves, or is declined first, as drawn for each person."""

    def __init__(self, vendor: StripeControl) -> None:
        self._vendor = vendor

    def visit(self, claim: Claim, one: Person, tally: Counter[str]) -> None:
        """Open the checkout page, act on it as the person does, and return."""
        page = start_checkout(code=claim.code, gateway=gateways.payment_gateway(), now=clock.now())
        if one.pays is PaymentBehaviour.NOT:
            _click(page, "abandon")
            tally["left without paying"] += 1
            return
        if one.pays is PaymentBehaviour.AT_SECOND_TRY:
            _click(page, "decline")
            tally["declined at first"] += 1
        _click(page, "pay")
        # As the page does to which the vendor redirects.
        payment = Payment.objects.get(claim=claim)
        settle_payment(payment_id=payment.pk, gateway=gateways.payment_gateway(), now=clock.now())
        claim.refresh_from_db()
        tally["paid"] += claim.state == "accepted"

    def expire_unpaid(self) -> None:
        """Expire unpaid payments and release their keys."""
        gateway, now = gateways.payment_gateway(), clock.now()
        expiry.expire_due_claims(gateway=gateway, now=now)
        expiry.ask_after_silence(gateway=gateway, now=now)

    def fetch_balance_transactions(self) -> None:
        """Fetch new balance transactions; no request before the first payment."""
        if is_used():
            collect_books(gateway=gateways.payment_gateway(), now=clock.now())

    def compare_ledgers(self) -> PaymentComparison:
        """Compare our rows, our copy of the balance transactions and the stand-in's ledger, to the cent."""
        self.fetch_balance_transactions()
        theirs = self._vendor.ledger()
        received = Payment.objects.filter(state=PaymentState.PAID)
        back = Refund.objects.filter(state=RefundState.SUCCEEDED)
        lines = BookEntry.objects.aggregate(net=Sum("net"), fee=Sum("fee"))
        ours = {
            "payments": received.count(),
            "cents": received.aggregate(total=Sum("received"))["total"] or 0,
            "refunded_cents": back.aggregate(total=Sum("amount"))["total"] or 0,
            "fee_cents": lines["fee"] or 0,
            "net_cents": lines["net"] or 0,
        }
        vendors = {
            "payments": len(theirs),
            "cents": sum(charge["amount"] for charge in theirs),
            "refunded_cents": sum(charge["refunded"] for charge in theirs),
            "fee_cents": sum(charge["fees"] for charge in theirs),
            "net_cents": sum(charge["net"] for charge in theirs),
        }
        return {"ours": ours, "theirs": vendors, "agree": ours == vendors}


def _click(page: str, way: str) -> None:
    """Press one of the page's buttons. The redirect is not followed, as no site is listening there."""
    address = urlsplit(page)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", f"{address.path}/{way}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 303), "the stand-in's page responds"
    finally:
        connection.close()
