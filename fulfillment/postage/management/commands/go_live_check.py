"""Check in the vendor's test mode everything that the purchase protocol depends on."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError
from fulfillment.postage.gateways.go_live_checks import Prober, ProbeResult

# Checks that only a person can do, with what to look for.
BY_HAND = (
    "Send a test event and read its headers: is X-Hmac-Signature there, is a version 2, what is in X-Path?",
    "Buy with a rate that is a day old, and with one that is a week old.",
    "Answer an event slowly, then with 500, and read /events/:id/payloads: the timeout and the repeats.",
    "Ask again for the early refund after 24 hours.",
    "Retrieve a shipment of test mode with the production key.",
)


class Command(KeydeskCommand):
    help = (
        "Check the vendor with a TEST key before go-live by buying and refunding; exit status 1 when it does "
        "not behave as the purchase of labels requires."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--only", metavar="NAME", help="run only this probe")

    def run(self, options: Options) -> JsonObject:
        environment = settings.ENVIRONMENT
        if environment.easypost_mode != "test":
            raise InputError(
                "EASYPOST_MODE",
                "this command buys labels.",
                remedy="Run it with a test key, never in production.",
            )
        prober = Prober(
            api_key=environment.easypost_api_key.get_secret_value(),
            api_base=environment.easypost_api_base,
            timeout_s=environment.easypost_timeout_s,
        )
        probes = dict(prober.probes())
        if options["only"] and options["only"] not in probes:
            raise InputError("--only", f"unknown probe; choose one of {', '.join(probes)}.")
        wanted = [options["only"]] if options["only"] else list(probes)
        with self.progress(len(wanted), "Probing") as steps:
            seen: dict[str, ProbeResult] = {}
            for name in wanted:
                seen[name] = self._look(name, probes[name])
                steps.advance()
        document: JsonObject = {
            "vendor": environment.easypost_api_base,
            "probes": {name: vars(one) for name, one in seen.items()},
            "by_hand": list(BY_HAND),
        }
        if failed := [name for name, one in seen.items() if one.ok is False]:
            raise self.fail(document, f"The vendor does not behave as required: {', '.join(failed)}.")
        return document

    def _look(self, name: str, probe: Callable[[], ProbeResult]) -> ProbeResult:
        try:
            return probe()
        # A failing probe must not stop the others.
        except Exception as error:
            return ProbeResult(name, False, f"ended with {type(error).__name__}")

    def show(self, document: dict[str, Any]) -> None:
        self.stdout.write(f"Asked {document['vendor']}")
        marks = {True: "ok", False: "DIFFERENT", None: "to judge"}
        for name, seen in document["probes"].items():
            self.stdout.write(f"{marks[seen['ok']]:>12}  {name}: {seen['finding']}")
            if seen["ok"] is not True:
                self.stdout.write(f"{'':>14}{seen['question']}")
        self.stdout.write("By hand:")
        for one in document["by_hand"]:
            self.stdout.write(f"  {one}")
