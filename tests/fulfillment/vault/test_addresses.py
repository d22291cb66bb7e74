"""Addresses as people type them: every bad part is named, at once."""

import pytest

from common.errors import BadRequest
from fulfillment.vault.addresses import PostalAddress, is_latin, lines_of, parse_address

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


JAPANESE = {
    "name": "山田 花子",
    "street1": "1-1 千代田",
    "city": "千代田区",
    "state": "東京都",
    "postal_code": "100-0001",
    "country": "JP",
}
IN_LATIN = {
    "latin_name": "Hanako Yamada",
    "latin_street1": "1-1 Chiyoda",
    "latin_city": "Chiyoda-ku",
    "latin_state": "Tokyo",
}


def test_the_label_shows_the_latin_parts_where_the_others_are_in_another_script() -> None:
    address = parse_address({**JAPANESE, **IN_LATIN})
    assert address.parts_to_latinise == ("name", "street1", "city", "state")
    label = address.for_label()
    assert (label.name, label.street1, label.city, label.state) == (
        "Hanako Yamada", "1-1 Chiyoda", "Chiyoda-ku", "Tokyo",
    )  # fmt: skip
    assert label.latin_name == ""
    assert PostalAddress.from_json(address.as_json()) == address
    assert address.name == "山田 花子"


def test_latin_parts_are_in_latin_letters() -> None:
    assert errors_of({**GOOD, "latin_name": "山田"}) == {"shipping_address.latin_name": "not_latin"}


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("Carrer de Mallorca 401, 2º 1ª", True),
        ("Łódź, Österreich, İstanbul, Đà Nẵng", True),
        ("Kalākaua Ave, Oʻahu", True),
        ("Straße 7/8 – links", True),
        ("Москва", False),
        ("Αθήνα 5", False),
        ("Tokyo 東京", False),
        ("שלום", False),
        ("", True),
    ],
)
def test_what_counts_as_latin(text: str, latin: bool) -> None:
    assert is_latin(text) is latin


@pytest.mark.parametrize("country", ["AT", "BE", "CA", "FR", "DE", "IT", "JP", "ES", "CH", "GB", "US"])
def test_addresses_of_the_rehearsal_are_addresses(country: str) -> None:
    from sandbox.rehearsal.people import PLACES, Person, persona_address

    one = Person("m-1", country, None, "pair", False, None)
    for seed in range(len(PLACES[country]) * 3):
        address = persona_address(seed, one)
        assert parse_address({**GOOD, **vars(address)}) == address


def test_its_repr_shows_no_more_than_the_country() -> None:
    assert repr(parse_address(GOOD)) == "PostalAddress(country='US')"


@pytest.mark.parametrize(
    ("country", "given", "lines"),
    [
        (
            "US",
            {"city": "Portland", "state": "OR", "postal_code": "97205", "street2": "Flat 2"},
            ["Ada", "1 Way", "Flat 2", "Portland, OR 97205"],
        ),
        (
            "DE",
            {"city": "Berlin", "postal_code": "10115", "company": "Beispiel"},
            ["Ada", "Beispiel", "1 Way", "10115 Berlin"],
        ),
        ("GB", {"city": "London", "postal_code": "SW1A 1AA"}, ["Ada", "1 Way", "London", "SW1A 1AA"]),
        (
            "JP",
            {"city": "千代田区", "state": "東京都", "postal_code": "100-0001"},
            ["〒100-0001", "東京都", "千代田区", "1 Way", "Ada"],
        ),
        ("SG", {"city": "Singapore", "postal_code": "238880"}, ["Ada", "1 Way", "SINGAPORE 238880"]),
        # What a country's post has no place for is shown all the same.
        ("DE", {"city": "Berlin", "state": "BE"}, ["Ada", "1 Way", "Berlin", "BE"]),
        ("IE", {}, ["Ada", "1 Way"]),
    ],
)
def test_it_is_written_as_in_its_country(country: str, given: dict[str, str], lines: list[str]) -> None:
    assert lines_of(PostalAddress(name="Ada", street1="1 Way", country=country, **given)) == lines


@pytest.mark.parametrize(
    ("phone", "is_one"),
    [
        ("+49 30 1234567", True),
        ("(415) 555-0100 ext. 12", True),
        ("０３ー５５５５ー０１００", True),
        ("030/123-456", True),
        ("1234", False),
        ("call me", False),
        ("=1+1", False),
        ("<b>12345</b>", False),
        ("🔑 12345", False),
    ],
)
def test_a_phone_number_can_be_dialled(phone: str, is_one: bool) -> None:
    if is_one:
        assert parse_address(GOOD | {"phone": phone}).phone == phone
    else:
        assert errors_of(GOOD | {"phone": phone}) == {"shipping_address.phone": "invalid_phone"}
