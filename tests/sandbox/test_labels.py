"""Label files: real ones, plainly no postage."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from barcode import Code128
from PIL import Image

from sandbox.client import Control
from tests.sandbox.conftest import ABROAD, CUSTOMS
from tests.sandbox.vendor import BadRequestError, InvalidRequestError


def fetch(client: Any, url: str) -> Any:
    return client._requests_session.get(url)


@pytest.mark.parametrize("dpi", [203, 300])
def test_the_label_is_a_four_by_six_inch_png_whose_barcode_is_the_tracking_code(
    client: Any, bought: Callable[..., Any], control: Control, dpi: int
) -> None:
    control.settings(label_dpi=dpi)
    shipment = bought()
    answer = fetch(client, shipment.postage_label.label_url)
    assert answer.headers["Content-Type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.mode, image.size) == ("1", (4 * dpi, 6 * dpi))
    assert modules_at(image, row=int(4.8 * dpi)) == Code128(shipment.tracking_code).build()[0].strip("0")


def modules_at(image: Image.Image, *, row: int) -> str:
    """The barcode modules that a horizontal cut shows, read back as a scanner would."""
    dark = "".join("0" if image.getpixel((x, row)) else "1" for x in range(image.width))
    frame = int(image.width * 0.02)
    bars = dark[frame:-frame].strip("0")
    # A Code 128 symbol starts with a bar of two modules.
    module = bars.index("0") // 2
    return bars[::module]


def test_the_label_converts_to_pdf_and_zpl(client: Any, bought: Callable[..., Any]) -> None:
    shipment = bought()
    pdf = fetch(client, client.shipment.label(shipment.id, file_format="PDF").postage_label.label_pdf_url)
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    zpl = fetch(
        client, client.shipment.label(shipment.id, file_format="ZPL").postage_label.label_zpl_url
    ).text
    assert zpl.startswith("^XA")
    assert zpl.rstrip().endswith("^XZ")
    assert shipment.tracking_code in zpl
    assert "NOT POSTAGE - STAND-IN LABEL" in zpl


def test_a_label_asked_for_as_zpl_is_zpl_at_once(client: Any, bought: Callable[..., Any]) -> None:
    label = bought(options={"label_format": "ZPL"}).postage_label
    assert label.label_file_type == "application/zpl"
    assert fetch(client, label.label_url).text.startswith("^XA")


def test_an_address_cannot_smuggle_printer_commands_into_zpl(client: Any, bought: Callable[..., Any]) -> None:
    to_address = {"name": "^XZ~JR", "street1": "1 A St", "city": "B", "state": "CA", "zip": "94107"}
    label = bought(to_address=to_address, options={"label_format": "ZPL"}).postage_label
    text = fetch(client, label.label_url).text
    assert text.count("^XZ") == 1
    assert "~" not in text


def test_conversion_needs_a_label_and_a_known_format(
    client: Any, quoted: Callable[..., Any], bought: Callable[..., Any]
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.shipment.label(quoted().id, file_format="PDF")
    assert refused.value.code == "SHIPMENT.POSTAGE.REQUIRED"
    with pytest.raises(BadRequestError):
        client.shipment.label(bought().id)
    with pytest.raises(InvalidRequestError):
        client.shipment.label(bought().id, file_format="DOCX")


def test_label_addresses_can_expire(client: Any, bought: Callable[..., Any], control: Control) -> None:
    control.settings(label_url_seconds=3600)
    url = bought().postage_label.label_url
    assert fetch(client, url).status_code == 200
    control.advance(3601)
    assert fetch(client, url).status_code == 403


def test_a_parcel_abroad_comes_with_an_invoice(client: Any, bought: Callable[..., Any]) -> None:
    (form,) = bought(to_address=ABROAD, customs_info=CUSTOMS).forms
    assert form.form_type == "commercial_invoice"
    assert fetch(client, form.form_url).content.startswith(b"%PDF-")


def test_a_file_that_was_never_made_is_not_there(client: Any, stand_in: Any) -> None:
    for name in ("nothing.png", "..%2f..%2fsecret.png"):
        assert fetch(client, f"{stand_in.url}/files/postage_label/20260105/{name}").status_code == 404


def test_accents_are_drawn_each_as_itself(client: Any, quoted: Callable[..., Any]) -> None:
    """A font without them would draw the same box for all."""
    labels = []
    for name in ("Zoë Ångström", "Zoé Ängström"):
        address = {**ABROAD, "name": name}
        shipment = quoted(to_address=address, customs_info=CUSTOMS)
        label = client.shipment.buy(shipment.id, rate=shipment.rates[0]).postage_label
        image = Image.open(io.BytesIO(fetch(client, label.label_url).content))
        labels.append(
            image.crop((0, int(image.height * 0.3), image.width, int(image.height * 0.6))).tobytes()
        )
    assert labels[0] != labels[1]
