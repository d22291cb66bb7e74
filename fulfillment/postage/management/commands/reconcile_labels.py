"""Reconcile labels with the vendor, resolve unknown purchases, and settle refunds."""

from dataclasses import asdict
from datetime import timedelta

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.postage import gateways
from fulfillment.postage.jobs import worker_name
from fulfillment.postage.services.label_reconciliation import LOOK_BACK, audit_labels
from fulfillment.postage.services.label_refunds import check_refunds, refund_unused
from fulfillment.postage.services.recovery import resolve_purchases


class Command(KeydeskCommand):
    help = "Run the nightly reconciliation now; exit status 1 when a label is unknown, missing or different."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--days", type=int, default=LOOK_BACK.days, choices=range(1, 400), metavar="1-399"
        )

    def run(self, options: Options) -> JsonObject:
        gateway, now = gateways.carrier_gateway(), clock.now()
        in_doubt = resolve_purchases(gateway=gateway, worker=worker_name(), now=now)
        found = audit_labels(gateway=gateway, now=now, look_back=timedelta(days=options["days"]))
        document = {
            "in_doubt": in_doubt,
            **asdict(found),
            "unused_given_back": refund_unused(gateway=gateway, now=now),
            "refunds_asked_after": check_refunds(gateway=gateway, now=now),
        }
        if not found.is_clean:
            raise self.fail(
                document, "The vendor's labels and ours differ; see docs/runbook.md for what to do."
            )
        return document
