"""Buy labels for all claims that need one, for those of a campaign, or for those given."""

from typing import Any

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputErrors, Problem
from fulfillment.claims.models import Claim
from fulfillment.postage import gateways
from fulfillment.postage.jobs import worker_name
from fulfillment.postage.services.circuit_breaker import end_pauses
from fulfillment.postage.services.label_batches import (
    buy_labels,
    plan_labels,
    waiting_claims,
    waiting_purchases,
)
from fulfillment.shipments.models import BuyingPause
from fulfillment.shipments.rules.pauses import PauseReason


class Command(KeydeskCommand):
    help = "Buy labels now instead of waiting for the workers. Safe beside them: each label is bought once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "claims", nargs="*", metavar="CLAIM", help="codes; default: all claims that need a label"
        )
        parser.add_argument("--campaign", help="only claims of this campaign")
        parser.add_argument("--limit", type=int, help="maximum number of parcels")
        parser.add_argument("--workers", type=int, default=4, choices=range(1, 33), metavar="1-32")
        parser.add_argument(
            "--dry-run", action="store_true", help="print how many are waiting without buying"
        )
        parser.add_argument("--resume", action="store_true", help="end a pause after topping up the wallet")

    def run(self, options: Options) -> JsonObject:
        self._check(options["claims"])
        chosen = {"campaign": options["campaign"], "codes": options["claims"]}
        if options["resume"]:
            end_pauses()
        claims = waiting_claims(**chosen)[: options["limit"]]
        if options["dry_run"]:
            return {"claims_waiting": len(claims), "parcels_waiting": len(waiting_purchases(**chosen))}
        plan_labels(claims, now=clock.now())
        purchases = waiting_purchases(**chosen)[: options["limit"]]
        with self.progress(len(purchases), "Buying") as steps:
            ended = buy_labels(
                purchases,
                gateway=gateways.carrier_gateway(),
                workers=options["workers"],
                name=worker_name(),
                now=clock.now,
                done=steps.advance,
            )
        document: dict[str, Any] = {
            "parcels": len(purchases),
            **{state: ended[state] for state in sorted(ended)},
            "paused": [PauseReason(pause.reason).label for pause in BuyingPause.objects.order_by("reason")],
        }
        if document["paused"]:
            raise self.fail(document, f"Buying is paused: {'; '.join(document['paused'])}.")
        return document

    def _check(self, codes: list[str]) -> None:
        known = set(Claim.objects.filter(code__in=codes).values_list("code", flat=True))
        if unknown := [code for code in codes if code not in known]:
            remedy = "Claims are named like C-7K2M9Q4X."
            raise InputErrors(
                "CLAIM", [Problem(f"There is no claim {code}.", remedy=remedy) for code in unknown]
            )
