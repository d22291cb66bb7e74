"""The papers of parcels: label, slip and declaration drawn from real labels, and nothing said of the recipient."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from PIL import Image

from fulfillment.documents.parcel_documents import Declaration, DocumentSet, Sheet, Slip, is_printable
from fulfillment.documents.typesetting import as_pdf, as_pictures
from fulfillment.documents.zpl import DOTS_HIGH, DOTS_WIDE, as_zpl, slip_as_zpl
from fulfillment.notices.models import Recipient
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.rules.transliteration import for_carriers, printable
from fulfillment.postage.services import printing
from fulfillment.postage.services.label_files import fetch_label
from fulfillment.shipments import errors
from fulfillment.shipments.carrier_values import Customs, CustomsLine, Party
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.origin import SENDER
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import Opening
from tests.fulfillment.conftest import Buy, Plan
from tests.fulfillment.warehouse.scans import PACKER

SLIP = Slip(
    parcel="S-7K2M9QX4T0ZB",
    claim="C-7K2M9QX4T0ZB",
    campaign="Keys for maintainers 2022",
    items=[(1, "Security key, USB-A and NFC"), (1, "Security key, USB-C and NFC")],
    seal_number="T-ABCD1234",
    phrase="zażółć gęślą jaźń",
    link="https://keys.example.org/claims/C-7K2M9QX4T0ZB",
)
KYOTO = PostalAddress(
    name="佐藤 花子",
    latin_name="Hanako Maximiliane Satō-Wolfeschlegelsteinhausenbergerdorff",
    street1="千代田区",
    latin_street1="Ōtemachi First Square West Tower 27F, 1-5-1 Ōtemachi, Chiyoda-ku",
    city="東京",
    latin_city="Tokyo",
    state="東京都",
    latin_state="Tokyo",
    postal_code="100-0004",
    country="JP",
    phone="+81312345678",
)

LONG = PostalAddress(
    name="Maximiliane-Alexandrine Wolfeschlegelsteinhausenbergerdorff",
    company="Gesellschaft zur Förderung quelloffener Programmbibliotheken und kryptographischer Verfahren",
    street1="Hinter der Alten Kirche am Oberen Marktplatz 1234a, Hinterhaus, Aufgang 4",
    street2="bei Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamten",
    city="Hellschen-Heringsand-Unterschaar",
    state="",
    postal_code="25764",
    country="DE",
    phone="+4948331234567",
)


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("Łukasz Żółć", "Lukasz Zólc"),
        ("Ōtemachi", "Otemachi"),
        ("Đặng Thị Œuvre", "Dang Thi OEuvre"),
        ("Straße 3 – 5", "Straße 3 - 5"),
        ("Kauaʻi", "Kaua'i"),
        ("Ağrı", "Agri"),
        ("日本", "日本"),
    ],
)
def test_letters_become_those_a_carrier_prints(given: str, printed: str) -> None:
    assert printable(given) == printed


def test_an_address_goes_to_carriers_in_their_letters() -> None:
    address = for_carriers(KYOTO)
    assert address.street1.startswith("Otemachi First Square")
    for part in ("name", "street1", "city", "state"):
        getattr(address, part).encode("latin-1")


def test_words_that_cannot_be_drawn_are_known() -> None:
    assert is_printable("Zażółć — ελληνικά, Кириллица «€»".replace("«", "").replace("»", ""))
    assert not is_printable("花子")
    assert not is_printable("עברית")
    assert not is_printable("key 🔑")


@pytest.mark.parametrize("sheet", list(Sheet))
def test_the_same_papers_are_the_same_bytes(sheet: Sheet) -> None:
    first = as_pdf([DocumentSet(SLIP)], sheet=sheet)
    assert first.startswith(b"%PDF-")
    assert as_pdf([DocumentSet(SLIP)], sheet=sheet) == first


def test_a_slip_fits_on_one_label_however_long_its_words_are() -> None:
    long = replace(
        SLIP,
        campaign="An exceptionally long name of a campaign " * 2,
        phrase="W" * 60,
        items=[(2, "Security key with a long name, USB-A and USB-C and NFC") for _ in range(4)],
        link="https://keys.a-very-long-host-name.example.org/claims/C-7K2M9QX4T0ZB",
    )
    [page] = as_pictures([DocumentSet(long)], sheet=Sheet.LABEL)
    assert right_margin_mm(page) >= 4.5
    assert len(as_pictures([DocumentSet(SLIP), DocumentSet(SLIP)], sheet=Sheet.A4)) == 2


def right_margin_mm(page: bytes, *, ppi: int = 110) -> float:
    """How far the ink nearest to a page's right edge is from it."""
    picture = Image.open(io.BytesIO(page)).convert("L").point(lambda light: 255 if light < 128 else 0)
    ink = picture.getbbox()
    assert ink is not None
    return (picture.width - ink[2]) / ppi * 25.4


@pytest.mark.parametrize("address", [KYOTO, LONG], ids=["Kyoto", "long words"])
def test_a_declaration_fits_beside_the_label_however_long_the_address_is(address: PostalAddress) -> None:
    line = CustomsLine(
        description="Security key", quantity=1, value_cents=2900, weight_g=10, hs_code="8471.80",
        origin_country="SE", currency="USD", code="YK5",
    )  # fmt: skip
    declaration = Declaration(
        number="S-7K2M9QX4T0ZB", date="11 July 2022", sender=SENDER, to=Party(address, address.phone),
        customs=Customs([line], signer="Desk", incoterm="DDP"),
    )  # fmt: skip
    _, page = as_pictures([DocumentSet(SLIP, declaration=declaration)], sheet=Sheet.LABEL)
    assert right_margin_mm(page) >= 4.5


def test_hostile_words_stay_words() -> None:
    hostile = replace(SLIP, phrase='#panic("x") $ \\ ] ^XA~JA _', campaign='*_`<b>#read("/etc/passwd")')
    assert as_pdf([DocumentSet(hostile)], sheet=Sheet.LABEL).startswith(b"%PDF-")
    zpl = slip_as_zpl(hostile).decode()
    assert zpl.count("^XA") == 1
    assert "~JA" not in zpl


def test_a_label_becomes_a_graphic_of_the_printers_size() -> None:
    picture = Image.new("1", (DOTS_WIDE, DOTS_HIGH), 1)
    picture.putpixel((0, 0), 0)
    target = io.BytesIO()
    picture.save(target, "PNG")
    label, slip = list(as_zpl([DocumentSet(SLIP, target.getvalue())]))
    found = re.search(rb"\^GFA,(\d+),(\d+),(\d+),([0-9A-F]+)\^FS", label)
    assert found is not None
    size, row = int(found[1]), int(found[3])
    assert (size, row) == (row * DOTS_HIGH, 102)
    graphic = bytes.fromhex(found[4].decode())
    # One black dot, at the first place; nothing beyond the right edge.
    assert graphic[0] == 0x80
    assert sum(byte.bit_count() for byte in graphic) == 1
    assert b"S-7K2M9QX4T0ZB" in slip


@pytest.fixture
def labelled(plan: Plan, buy: Buy, gateway: EasyPostGateway, now: datetime) -> Callable[..., LabelPurchase]:
    def labelled(**given: object) -> LabelPurchase:
        purchase = buy(plan(**given))
        assert fetch_label(purchase_id=purchase.pk, gateway=gateway, now=now)
        return purchase

    return labelled


@pytest.mark.django_db
def test_a_parcels_papers_are_label_and_slip_and_each_opening_is_logged(
    labelled: Callable[..., LabelPurchase], now: datetime
) -> None:
    purchase = labelled()
    Recipient.objects.create(account=purchase.shipment.claim.account, phrase="a phrase of mine")
    before = Opening.objects.count()
    pdf = printing.print_parcels(parcels=[purchase.shipment.code], sheet=Sheet.LABEL, actor=PACKER, now=now)
    assert pdf.startswith(b"%PDF-")
    opening = Opening.objects.order_by("-pk")[0]
    assert (opening.purpose, opening.actor, opening.kind) == ("packing", PACKER, "label")
    assert Opening.objects.count() == before + 1
    purchase.shipment.refresh_from_db()
    assert purchase.shipment.seal_number.startswith("T-")
    zpl = b"".join(printing.print_parcels_as_zpl(parcels=[purchase.shipment.code], actor=PACKER, now=now))
    assert zpl.count(b"^XA") == 2
    assert b"a phrase of mine" in zpl
    assert purchase.shipment.seal_number.encode() in zpl
    assert b"Robin" not in zpl.split(b"^XZ")[1]


@pytest.mark.django_db
def test_a_parcel_abroad_has_its_declaration(labelled: Callable[..., LabelPurchase], now: datetime) -> None:
    purchase = labelled(address=KYOTO)
    (made,) = printing._papers([purchase.shipment.code], actor=PACKER, now=now, with_declaration=True)
    assert made.declaration is not None
    assert len(as_pictures([made], sheet=Sheet.LABEL)) == 3
    assert len(as_pictures([made], sheet=Sheet.LETTER)) == 2
    assert "Sat" not in repr(made)


@pytest.mark.django_db
def test_parcels_without_a_label_file_are_all_named(plan: Plan, buy: Buy, now: datetime) -> None:
    purchase = buy(plan())
    with pytest.raises(errors.MissingLabelFile, match=purchase.shipment.code):
        printing.print_parcels(parcels=[purchase.shipment.code], sheet=Sheet.A4, actor=PACKER, now=now)
    assert Opening.objects.filter(purpose="packing").count() == 0


@pytest.mark.django_db
def test_slips_are_streamed_in_files_and_open_nothing(
    plan: Plan, buy: Buy, now: datetime, django_assert_max_num_queries: object
) -> None:
    purchase = buy(plan())
    before = Opening.objects.count()
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        files = list(printing.print_slips(parcels=[purchase.shipment.code]))
    assert [one[:5] for one in files] == [b"%PDF-"]
    assert Opening.objects.count() == before
