"""Addresses as people type them: every bad part is named, at once."""

import pytest

from config.errors import BadRequest
from fulfillment.vault.addresses import PostalAddress, parse_address

GOOD = {
    "name": "Ada Example",
    "street1": "12 Torvandel Way",
    "city": "Portland",
    "state": "OR",
    "postal_code": "97205",
    "country": "us",
}


def errors_of(given: object) -> dict[str, str]:
    with pytest.raises(BadRequest) as caught:
        parse_address(given)
    return {error.field: error.code for error in caught.value.errors}


def test_it_reads_an_address() -> None:
    address = parse_address(GOOD)
    assert address == PostalAddress(
        name="Ada Example",
        street1="12 Torvandel Way",
        city="Portland",
        state="OR",
        postal_code="97205",
        country="US",
    )


@pytest.mark.parametrize("given", [None, "12 Torvandel Way", 7, []])
def test_it_refuses_what_is_no_address(given: object) -> None:
    assert errors_of(given) == {"shipping_address": "required"}


def test_it_names_every_missing_part_at_once() -> None:
    assert errors_of({}) == {
        "shipping_address.country": "required",
        "shipping_address.name": "required",
        "shipping_address.street1": "required",
    }


@pytest.mark.parametrize(
    ("part", "value", "code"),
    [
        ("name", "   ", "required"),
        ("name", "A" * 10_000, "too_long"),
        ("street1", "12 Tor\u202evandel", "bad_character"),
        ("street1", "12\x00Torvandel", "bad_character"),
        ("city", "", "required"),
        ("postal_code", "ABCDE", "invalid"),
        ("country", "ZZ", "invalid"),
        ("country", "United States", "invalid"),
        ("name", 7, "not_text"),
        ("name", ["x"], "not_text"),
    ],
)
def test_it_refuses_and_names_the_part(part: str, value: object, code: str) -> None:
    assert errors_of({**GOOD, part: value}) == {f"shipping_address.{part}": code}


def test_it_refuses_parts_nobody_asked_for() -> None:
    assert errors_of({**GOOD, "ssn": "1"}) == {"shipping_address.ssn": "unknown_field"}


@pytest.mark.parametrize("country", ["AT", "BE", "CA", "FR", "DE", "IT", "JP", "ES", "CH", "GB", "US"])
def test_addresses_of_the_rehearsal_are_addresses(country: str) -> None:
    from sandbox.rehearsal.people import PLACES, Person, address_of

    one = Person("m-1", country, None, "pair", False, None)
    for seed in range(len(PLACES[country]) * 3):
        address = address_of(seed, one)
        assert parse_address({**GOOD, **vars(address)}) == address


def test_its_repr_shows_no_more_than_the_country() -> None:
    assert repr(parse_address(GOOD)) == "PostalAddress(country='US')"
