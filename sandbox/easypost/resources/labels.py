"""Label files, drawn when they are fetched: 4 × 6 inches, black on white, with a barcode that scans.

Every file is marked as not being postage.
"""

from __future__ import annotations

import io
from functools import lru_cache
from importlib.resources import files

from barcode import Code128
from PIL import Image, ImageDraw, ImageFont

from sandbox.vendor_json import Json

NOT_POSTAGE = "NOT POSTAGE - STAND-IN LABEL"
WIDTH_IN, HEIGHT_IN = 4, 6
CONTENT_TYPES = {"png": "image/png", "pdf": "application/pdf", "zpl": "text/plain; charset=utf-8"}

_WHITE, _BLACK = 1, 0
_ACCENTED = str(files("barcode") / "fonts" / "DejaVuSansMono.ttf")


def draw_label(shipment: Json, file_format: str) -> bytes:
    """The label of a bought shipment as `png`, `pdf` or `zpl`."""
    if file_format == "zpl":
        return _zpl(shipment).encode()
    dpi = int(shipment["postage_label"]["label_resolution"])
    image = _image(shipment, dpi)
    return _pdf(image, dpi) if file_format == "pdf" else _png(image, dpi)


def invoice(shipment: Json) -> bytes:
    """The commercial invoice of a parcel that goes abroad, as PDF."""
    dpi = 150
    image = Image.new("1", (int(8.5 * dpi), 11 * dpi), _WHITE)
    draw_on = ImageDraw.Draw(image)
    _write(draw_on, dpi, (0.7, 0.7), ["COMMERCIAL INVOICE", "STAND-IN, NOT A CUSTOMS DOCUMENT"], 0.24)
    _write(draw_on, dpi, (0.7, 1.7), ["FROM", *label_address_lines(shipment["from_address"])], 0.15)
    _write(draw_on, dpi, (4.5, 1.7), ["TO", *label_address_lines(shipment["to_address"])], 0.15)
    items = (shipment["customs_info"] or {}).get("customs_items", [])
    lines = [
        f"{item['quantity']} x {item['description']}   HS {item['hs_tariff_number']}"
        f"   {item['origin_country']}   {item['value']} {item['currency'] or 'USD'}"
        for item in items
    ]
    _write(draw_on, dpi, (0.7, 3.6), ["CONTENTS", *lines], 0.15)
    return _pdf(image, dpi)


def pdf_page(title: str, warning: str, lines: list[str]) -> bytes:
    """A page of letter size with a title and lines of text, as PDF."""
    dpi = 150
    image = Image.new("1", (int(8.5 * dpi), 11 * dpi), _WHITE)
    draw_on = ImageDraw.Draw(image)
    _write(draw_on, dpi, (0.7, 0.7), [title, warning], 0.24)
    _write(draw_on, dpi, (0.7, 1.7), lines, 0.15)
    return _pdf(image, dpi)


def label_address_lines(address: Json) -> list[str]:
    """An address as it is printed, without empty lines."""
    town = f"{address['city'] or ''} {address['state'] or ''} {address['zip'] or ''}"
    lines = [address["name"], address["company"], address["street1"], address["street2"], town]
    if address["country"] != "US":
        lines.append(address["country"])
    return [" ".join(line.split()) for line in lines if line and line.strip()]


def _image(shipment: Json, dpi: int) -> Image.Image:
    rate = shipment["selected_rate"]
    image = _form(rate["carrier"], rate["service"], dpi).copy()
    draw_on = ImageDraw.Draw(image)
    _write(draw_on, dpi, (0.15, 1.05), label_address_lines(shipment["from_address"]), 0.11, width=3.7)
    _write(draw_on, dpi, (0.55, 2.3), label_address_lines(shipment["to_address"]), 0.17, width=3.3)
    code = shipment["tracking_code"]
    bars = _bars(code, int(3.4 * dpi), int(0.9 * dpi))
    image.paste(bars, ((int(WIDTH_IN * dpi) - bars.width) // 2, int(4.35 * dpi)))
    _write(draw_on, dpi, (0.9, 5.32), [code], 0.15)
    if shipment["reference"]:
        _write(draw_on, dpi, (0.15, 5.8), [f"Ref {shipment['reference']}"[:60]], 0.09)
    return image


def _pdf(image: Image.Image, dpi: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "PDF", resolution=float(dpi))
    return target.getvalue()


def _png(image: Image.Image, dpi: int) -> bytes:
    target = io.BytesIO()
    # Level 1: the page is mostly white, and whoever prints it waits.
    image.save(target, "PNG", dpi=(dpi, dpi), compress_level=1)
    return target.getvalue()


@lru_cache(maxsize=64)
def _form(carrier: str, service: str, dpi: int) -> Image.Image:
    """The parts that all labels of one service share."""
    image = Image.new("1", (WIDTH_IN * dpi, HEIGHT_IN * dpi), _WHITE)
    draw_on = ImageDraw.Draw(image)
    edge, line = int(0.06 * dpi), max(2, dpi // 100)
    draw_on.rectangle((edge, edge, WIDTH_IN * dpi - edge, HEIGHT_IN * dpi - edge), outline=_BLACK, width=line)
    for height in (0.55, 0.95, 2.0, 3.9, 5.65):
        draw_on.line((edge, height * dpi, WIDTH_IN * dpi - edge, height * dpi), fill=_BLACK, width=line)
    _write(draw_on, dpi, (0.15, 0.16), [f"{carrier}  {service}"[:34]], 0.19)
    _write(draw_on, dpi, (0.15, 0.64), [NOT_POSTAGE], 0.2)
    _write(draw_on, dpi, (0.15, 2.08), ["SHIP TO"], 0.11)
    _write(draw_on, dpi, (0.15, 4.0), ["TRACKING", NOT_POSTAGE], 0.11)
    return image


@lru_cache(maxsize=32)
def _font(pixels: int, is_ascii: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font draws no accents; the one that comes with the bar codes draws all of Latin."""
    return ImageFont.load_default(size=pixels) if is_ascii else ImageFont.truetype(_ACCENTED, pixels)


def _write(
    draw_on: ImageDraw.ImageDraw,
    dpi: int,
    at: tuple[float, float],
    lines: list[str],
    height: float,
    *,
    width: float | None = None,
) -> None:
    """Write lines from a point, all measures in inches; a line that is too wide is set smaller."""
    for number, line in enumerate(lines):
        pixels = int(height * dpi)
        font = _font(pixels, line.isascii())
        if width is not None and (long := draw_on.textlength(line, font=font)) > width * dpi:
            font = _font(max(int(0.05 * dpi), int(pixels * width * dpi / long)), line.isascii())
        draw_on.text((at[0] * dpi, (at[1] + number * height * 1.25) * dpi), line, fill=_BLACK, font=font)


def _bars(code: str, width: int, height: int) -> Image.Image:
    """Code 128 at a whole number of pixels a module, so that no bar is blurred."""
    modules = Code128(code).build()[0]
    row = Image.new("1", (len(modules), 1), _WHITE)
    row.putdata([_BLACK if module == "1" else _WHITE for module in modules])
    scale = max(1, width // len(modules))
    return row.resize((len(modules) * scale, height), Image.Resampling.NEAREST)


def _zpl(shipment: Json) -> str:
    rate = shipment["selected_rate"]
    fields = [f"^FO30,30^A0N,40,40^FD{_plain(rate['carrier'])} {_plain(rate['service'])}^FS"]
    fields.append(f"^FO30,110^A0N,42,42^FD{NOT_POSTAGE}^FS")
    for number, line in enumerate(label_address_lines(shipment["from_address"])):
        fields.append(f"^FO30,{200 + 26 * number}^A0N,24,24^FD{_plain(line)}^FS")
    for number, line in enumerate(label_address_lines(shipment["to_address"])):
        fields.append(f"^FO110,{470 + 42 * number}^A0N,38,38^FD{_plain(line)}^FS")
    fields.append(f"^FO60,880^BY2^BCN,180,Y,N,N^FD{_plain(shipment['tracking_code'])}^FS")
    return "\n".join(["^XA", "^CI28", "^PW812", "^LL1218", *fields, "^XZ", ""])


def _plain(text: str) -> str:
    """Carets and tildes start commands in ZPL."""
    return text.replace("^", " ").replace("~", " ")
