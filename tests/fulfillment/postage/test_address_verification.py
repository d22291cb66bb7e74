"""What a carrier makes of an address, by the vendor's real client and its stand-in."""

from dataclasses import replace

import pytest

from fulfillment.postage.gateways.address_verification import question, read_verification
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.shipments.carrier_values import Finding
from fulfillment.vault.addresses import PostalAddress


def test_case_16_capitals_and_nine_digits_are_no_difference(
    gateway: EasyPostGateway, address: PostalAddress
) -> None:
    found = gateway.verify_address(replace(address, street2="Floor 3"))
    assert (found.finding, found.suggestion, found.is_incomplete) == (Finding.KNOWN, None, False)


def test_case_16_a_correction_is_a_suggestion_in_ordinary_letters(
    gateway: EasyPostGateway, address: PostalAddress
) -> None:
    found = gateway.verify_address(replace(address, street1="417 Misspelt Montgomery Street"))
    assert found.finding is Finding.KNOWN
    assert found.suggestion == address


@pytest.mark.parametrize(
    ("street1", "finding", "is_incomplete"),
    [
        ("417 Undeliverable Road", Finding.UNKNOWN, False),
        ("Montgomery Street", Finding.UNKNOWN, True),
        ("417 Bad-Apt Street", Finding.KNOWN, True),
        ("417 Outage Street", Finding.NOT_ASKED, False),
    ],
)
def test_what_the_carrier_says(
    gateway: EasyPostGateway,
    address: PostalAddress,
    street1: str,
    finding: Finding,
    is_incomplete: bool,
) -> None:
    found = gateway.verify_address(replace(address, street1=street1))
    assert (found.finding, found.is_incomplete) == (finding, is_incomplete)


def test_case_17_deliverable_without_the_right_apartment_is_to_be_confirmed(
    gateway: EasyPostGateway, address: PostalAddress
) -> None:
    """`success: true` comes with an error then; neither a failure nor clean."""
    found = gateway.verify_address(replace(address, street1="417 Bad-Apt Street"))
    assert (found.finding, found.is_incomplete) == (Finding.KNOWN, True)


def test_nobody_there_is_no_answer(address: PostalAddress) -> None:
    nobody = EasyPostGateway(api_key="EZTKtests", api_base="http://127.0.0.1:9/v2", mode="test", timeout_s=1)
    assert nobody.verify_address(address).finding is Finding.NOT_ASKED
    nobody.close()


def test_it_asks_where_not_who_and_in_latin_letters(address: PostalAddress) -> None:
    asked = question(replace(address, city="Сан-Франциско", latin_city="San Francisco", phone="1"))
    assert asked == {
        "verify": True,
        "street1": "417 Montgomery Street",
        "city": "San Francisco",
        "state": "CA",
        "zip": "94104",
        "country": "US",
    }


@pytest.mark.parametrize(
    "body", [{}, {"verifications": {}}, {"verifications": {"delivery": "odd"}}, {"verifications": None}]
)
def test_an_odd_answer_is_no_answer(body: dict[str, object], address: PostalAddress) -> None:
    assert read_verification(body, asked=address).finding is Finding.NOT_ASKED
