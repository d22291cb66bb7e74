"""`manage.py reconcile_payments`: list differences between our payments and Stripe's records."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.payments import gateways
from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.services.balance_transactions import collect_books
from fulfillment.payments.services.reconciliation import LOOK_BACK, BookDifference, reconcile
from fulfillment.payments.services.settlement import settle_payment


class Command(KeydeskCommand):
    help = "List all differences between our payments and Stripe's records. Changes nothing without --settle."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--days", type=int, default=LOOK_BACK.days, help=f"how far back; default: {LOOK_BACK.days}"
        )
        parser.add_argument("--settle", action="store_true", help="first update our records from Stripe")

    def run(self, options: Options) -> JsonObject:
        if options["days"] < 1:
            raise CommandError("--days: must be 1 or more.", returncode=2)
        now, gateway = clock.now(), gateways.payment_gateway()
        since = now - timedelta(days=options["days"])
        settled = 0
        if options["settle"]:
            collect_books(gateway=gateway, now=now, since=since)
            for payment_id in _to_settle(reconcile(gateway=gateway, since=since, now=now)):
                try:
                    settle_payment(payment_id=payment_id, gateway=gateway, now=now, is_thorough=True)
                    settled += 1
                except PaymentGatewayError as error:
                    self.say(f"payment {payment_id}: {error}")
        found = reconcile(gateway=gateway, since=since, now=now)
        document = {
            "since": since.isoformat(),
            "settled": settled,
            "ok": not found,
            "differences": [_document(one) for one in found],
        }
        if found:
            raise self.fail(document, f"{len(found)} differences between us and the vendor.")
        return document

    def show(self, document: dict[str, Any]) -> None:
        for one in document["differences"]:
            self.stdout.write(f"{one['kind']}: {', '.join(one['ids'])}")
            self.stdout.write(f"  ours: {one['ours']}   theirs: {one['theirs']}")
            self.stdout.write(f"  {one['remedy']}")
        if not document["differences"]:
            self.stdout.write(f"No difference since {document['since']}.")


def _to_settle(found: list[BookDifference]) -> list[int]:
    return sorted({one.payment_id for one in found if one.payment_id is not None})


def _document(one: BookDifference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "ids": list(one.ids),
        "ours": one.ours,
        "theirs": one.theirs,
        "remedy": one.remedy,
    }
