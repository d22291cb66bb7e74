"""Create a manifest of sealed parcels with its form, or mark one as handed over."""

from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError
from fulfillment.postage import gateways
from fulfillment.postage.gateways.scan_forms import forms_of
from fulfillment.shipments.models import Manifest
from fulfillment.warehouse.services.manifests import hand_over_manifest, make_form, make_manifest
from inventory.models import Warehouse

ACTOR = "staff:command"


class Command(KeydeskCommand):
    help = "Create a manifest of one carrier's sealed parcels, or mark it as handed over with --hand-over."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--carrier", help="as the vendor spells it, such as USPS")
        what.add_argument("--hand-over", metavar="CODE", help="the manifest that the driver has taken")
        what.add_argument("--form", metavar="CODE", help="check the progress of a manifest's form")
        parser.add_argument("--warehouse", help="the code of the warehouse they leave from")
        parser.add_argument(
            "--without-form", action="store_true", help="use our own list although the carrier has forms"
        )
        parser.add_argument("--output", type=Path, help="path to write the form's PDF to")

    def run(self, options: Options) -> JsonObject:
        now = clock.now()
        if options["hand_over"]:
            parcels = hand_over_manifest(code=options["hand_over"], actor=ACTOR, now=now)
            return {"manifest": options["hand_over"], "handed_over": parcels}
        if options["form"]:
            manifest, left_out = self._existing(options["form"]), []
        else:
            made = make_manifest(
                carrier=options["carrier"],
                warehouse=self._warehouse(options["warehouse"]),
                with_form=False if options["without_form"] else None,
                actor=ACTOR,
                now=now,
            )
            manifest, left_out = made.manifest, [vars(one) for one in made.left_out]
        if manifest.has_form:
            make_form(manifest_id=manifest.pk, forms=forms_of(gateways.carrier_gateway()), now=now)
            manifest.refresh_from_db()
        return {
            "manifest": manifest.code,
            "state": manifest.state,
            "parcels": manifest.shipments.count(),
            "left_out": left_out,
            "form": self._written(manifest, options["output"]),
        }

    def _existing(self, code: str) -> Manifest:
        found = Manifest.objects.filter(code=code).first()
        if found is None:
            raise InputError(
                "--form", f"there is no manifest {code}.", remedy="Check the code on its printed form."
            )
        return found

    def _warehouse(self, code: str | None) -> Warehouse | None:
        if code is None:
            return None
        found = Warehouse.objects.filter(code=code.upper()).first()
        if found is None:
            known = ", ".join(Warehouse.objects.order_by("code").values_list("code", flat=True)) or "none yet"
            raise InputError("--warehouse", f"there is no warehouse {code!r}.", remedy=f"Known: {known}.")
        return found

    def _written(self, manifest: Manifest, output: Path | None) -> str | None:
        if output is None or manifest.form is None:
            return None
        try:
            output.write_bytes(bytes(manifest.form))
        except OSError as error:
            raise InputError(output, f"cannot be written: {error.strerror}.") from None
        return str(output)
