"""EasyPost ScanForms: the carrier's end-of-day manifest, scanned once for many parcels.

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
    """A form at the vendor: `creating`, `created` with the URL of its file, or `failed`.

    `manifested` lists vendor shipments that are already on a form; then no form was made, and `id` is
    empty.
    """

    id: str
    status: str
    form_url: str = ""
    manifested: Sequence[str] = field(default=())


class FormGateway(Protocol):
    """The vendor's ScanForm API. Methods make one call and raise only GatewayError."""

    def create_form(self, shipment_ids: Sequence[str]) -> ScanForm:
        """Request a form for these shipments. Not idempotent: check `form_of` when the answer was lost."""
        ...

    def retrieve_form(self, form_id: str) -> ScanForm: ...

    def form_of(self, shipment_id: str) -> ScanForm | None:
        """The form of a shipment, if any."""
        ...

    def fetch_form(self, url: str) -> LabelFile: ...


class EasyPostForms:
    """FormGateway with the client, errors and timeouts of the carrier gateway."""

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
    """The form gateway that belongs to this carrier gateway."""
    assert isinstance(gateway, EasyPostGateway), "the one vendor there is"
    return EasyPostForms(gateway)


def _create(client: Any, named: Sequence[Json]) -> Any:
    try:
        return client.scan_form.create(shipments=list(named))
    except ApiError as error:
        # Only the message names the shipments concerned; nothing but their ids is taken from it.
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
