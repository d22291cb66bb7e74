"""Those of a rehearsal's people who pay for something, on the stand-in's own page.

Their payments are brought to the programme's own moments, with no worker at work beside: what they come to
must not depend on whether the vendor's webhook or the person coming back is faster. So the vendor is given no
address for its webhooks: people come back, and what they leave open is asked after in the evening.
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
from sandbox.rehearsal.people import Pays, Person
from sandbox.stripe.client import StripeControl

TIMEOUT_S = 20


class Payers:
    """Pays, leaves, or is declined first, as each person was drawn to."""

    def __init__(self, vendor: StripeControl) -> None:
        self._vendor = vendor

    def visit(self, claim: Claim, one: Person, tally: Counter[str]) -> None:
        """The person opens the page to pay on, does what they do there, and comes back."""
        page = start_checkout(code=claim.code, gateway=gateways.payment_gateway(), now=clock.now())
        if one.pays is Pays.NOT:
            _click(page, "abandon")
            tally["left without paying"] += 1
            return
        if one.pays is Pays.AT_SECOND_TRY:
            _click(page, "decline")
            tally["declined at first"] += 1
        _click(page, "pay")
        # What the page does that the vendor leads back to.
        payment = Payment.objects.get(claim=claim)
        settle_payment(payment_id=payment.pk, gateway=gateways.payment_gateway(), now=clock.now())
        claim.refresh_from_db()
        tally["paid"] += claim.state == "accepted"

    def end_what_nobody_paid(self) -> None:
        """Those who did not pay in time give their keys back."""
        gateway, now = gateways.payment_gateway(), clock.now()
        expiry.lapse_due(gateway=gateway, now=now)
        expiry.ask_after_silence(gateway=gateway, now=now)

    def fetch_books(self) -> None:
        """The lines of the vendor's books that are new; nothing is asked before anybody paid."""
        if is_used():
            collect_books(gateway=gateways.payment_gateway(), now=clock.now())

    def books(self) -> dict[str, object]:
        """Our rows, our copy of the vendor's books, and the stand-in's own: to the cent."""
        self.fetch_books()
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
    """Press one of the page's buttons; the way back is not followed, for nobody of the site is there."""
    address = urlsplit(page)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", f"{address.path}/{way}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 303), "the stand-in's page answers"
    finally:
        connection.close()
