"""Addresses as the stand-in verifies and corrects them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Control
from tests.sandbox.conftest import ABROAD, DESK, NEIGHBOUR
from tests.sandbox.vendor import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthorizedError,
)


def test_a_good_address_is_corrected(client: Any) -> None:
    address = client.address.create(verify=True, **DESK)
    assert address.street1 == "388 TOWNSEND ST APT 20"
    assert address.street2 == ""
    assert address.zip.startswith("94107-")
    assert address.verifications.delivery.success is True
    assert address.verifications.delivery.errors == []


def test_without_verification_nothing_is_changed(client: Any) -> None:
    address = client.address.create(**DESK)
    assert {name: address[name] for name in DESK} == DESK
    assert address.to_dict()["verifications"] == {}


@pytest.mark.parametrize(
    ("word", "success", "code"),
    [
        ("undeliverable", False, "E.ADDRESS.NOT_FOUND"),
        ("missing-house", False, "E.HOUSE_NUMBER.MISSING"),
        ("bad-apt", True, "E.SECONDARY_INFORMATION.INVALID"),
    ],
)
def test_a_word_in_the_street_scripts_the_outcome(client: Any, word: str, success: bool, code: str) -> None:
    address = client.address.create(verify=True, **DESK | {"street1": f"388 {word} St"})
    assert address.verifications.delivery.success is success
    assert [error.code for error in address.verifications.delivery.errors] == [code]


def test_strict_verification_refuses_a_bad_address(client: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.address.create(verify_strict=True, **DESK | {"street1": "1 undeliverable St"})
    assert refused.value.code == "ADDRESS.VERIFY.FAILURE"
    assert client.address.all()["addresses"] == []


def test_verification_can_be_down(client: Any) -> None:
    with pytest.raises(ServiceUnavailableError):
        client.address.create(verify=True, **DESK | {"street1": "1 outage St"})


def test_a_foreign_address_keeps_its_spelling(client: Any) -> None:
    address = client.address.create(verify=True, **ABROAD)
    assert address.street1 == ABROAD["street1"]
    assert address.to_dict()["verifications"].keys() == {"delivery"}


def test_foreign_verification_is_an_extra_that_may_be_off(client: Any, control: Control) -> None:
    control.settings(international_verification=False)
    with pytest.raises(InvalidRequestError) as refused:
        client.address.create(verify=True, **ABROAD)
    assert refused.value.code == "ADDRESS.VERIFY.INTL_NOT_ENABLED"


def test_the_same_address_is_always_corrected_the_same_way(client: Any) -> None:
    first, second = (client.address.create_and_verify(**NEIGHBOUR) for _ in range(2))
    assert first.id != second.id
    assert (first.zip, first.residential) == (second.zip, second.residential)


def test_modes_do_not_see_each_other(connect: Callable[..., Any]) -> None:
    made = connect("EZTKone").address.create(**DESK)
    assert made.mode == "test"
    with pytest.raises(NotFoundError):
        connect("EZAKone").address.retrieve(made.id)


def test_another_classs_id_is_refused(client: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.address.retrieve("evt_" + "0" * 32)
    assert refused.value.code == "PARAMETER.INVALID_TYPE"


def test_an_unknown_key_is_inactive(connect: Callable[..., Any]) -> None:
    with pytest.raises(ForbiddenError) as refused:
        connect("nonsense").address.create(**DESK)
    assert refused.value.code == "APIKEY.INACTIVE"


def test_basic_auth_works_and_no_key_is_unauthorized(client: Any, stand_in: Any) -> None:
    session = client._requests_session
    url = f"{stand_in.easypost_url}/addresses"
    assert session.get(url, auth=("EZTKbasic", "")).status_code == 200
    assert session.get(url).status_code == 401
    assert session.get(url, headers={"Authorization": "Basic ***"}).status_code == 403
    assert len(session.get(url).headers["x-ep-request-uuid"]) == 32


def test_a_body_that_is_no_object_is_a_bad_request(client: Any, stand_in: Any) -> None:
    session, url = client._requests_session, f"{stand_in.easypost_url}/addresses"
    for content in (b"not json", b"[1]", b"\xff"):
        answer = session.post(url, data=content, auth=("EZTKbasic", ""))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")


def test_an_empty_address_is_refused_and_a_client_says_so(client: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.address.create()
    assert refused.value.code == "PARAMETER.REQUIRED"


def test_unauthorized_is_the_clients_own_class(connect: Callable[..., Any]) -> None:
    client = connect()
    client._requests_session.auth = lambda request: request.headers.pop("Authorization") and request
    with pytest.raises(UnauthorizedError):
        client.address.all()
