"""The carrier's end-of-day forms at EasyPost (ScanForm): one paper that accepts many parcels.

https://docs.easypost.com/docs/scan-form
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from easypost.errors.api.api_error import ApiError

from fulfillment.postage.gateways import parsing
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.shipments.carrier import CarrierGateway
from fulfillment.shipments.carrier_values import LabelFile

Json = dict[str, Any]

_SHIPMENT = re.compile(r"shp_[0-9a-f]{32}", re.ASCII)
_REFUSED = "SCAN_FORM.CREATE.FAILURE"


@dataclass(frozen=True)
class ScanForm:
    """A form at the vendor: `creating`, `created` with the address of its file, or `failed`.

    `manifested` names vendor shipments that are on a form already; the form was not made then, and `id` is
    empty.
    """

    id: str
    status: str
    form_url: str = ""
    manifested: Sequence[str] = field(default=())


class FormGateway(Protocol):
    """What hand-overs need of the vendor. Methods make one call and raise nothing but GatewayError."""

    def create_form(self, shipment_ids: Sequence[str]) -> ScanForm:
        """Ask for a form of these shipments. Not idempotent: look with `form_of` when the answer was lost."""
        ...

    def retrieve_form(self, form_id: str) -> ScanForm: ...

    def form_of(self, shipment_id: str) -> ScanForm | None:
        """The form that a shipment is on, if any."""
        ...

    def fetch_form(self, url: str) -> LabelFile: ...


class EasyPostForms:
    """FormGateway over the same client, errors and timeouts as the gateway that buys labels."""

    def __init__(self, gateway: EasyPostGateway) -> None:
        self._gateway = gateway

    def create_form(self, shipment_ids: Sequence[str]) -> ScanForm:
        named = [{"id": parsing.read_id(one, "shp")} for one in shipment_ids]
        return self._gateway._ask(lambda client: _create(client, named), _read)

    def retrieve_form(self, form_id: str) -> ScanForm:
        checked = parsing.read_id(form_id, "sf")
        return self._gateway._ask(lambda client: client.scan_form.retrieve(checked), _read)

    def form_of(self, shipment_id: str) -> ScanForm | None:
        checked = parsing.read_id(shipment_id, "shp")
        return self._gateway._ask(
            lambda client: client.shipment.retrieve(checked),
            lambda body: _read(body["scan_form"]) if body.get("scan_form") else None,
        )

    def fetch_form(self, url: str) -> LabelFile:
        return self._gateway.fetch_label(url)


def forms_of(gateway: CarrierGateway) -> FormGateway:
    """The forms of the vendor that this gateway buys from."""
    assert isinstance(gateway, EasyPostGateway), "the one vendor there is"
    return EasyPostForms(gateway)


def _create(client: Any, named: Sequence[Json]) -> Any:
    try:
        return client.scan_form.create(shipments=list(named))
    except ApiError as error:
        # Which of them are the trouble is said in the text only; ids are all that is taken from it.
        if error.code != _REFUSED or not (ids := _SHIPMENT.findall(str(error.message))):
            raise
        return {"id": "", "status": "failed", "manifested": ids}


def _read(body: Json) -> ScanForm:
    return ScanForm(
        id=parsing.read_id(body["id"], "sf") if body["id"] else "",
        status=str(body["status"]),
        form_url=str(body.get("form_url") or ""),
        manifested=tuple(body.get("manifested", ())),
    )
