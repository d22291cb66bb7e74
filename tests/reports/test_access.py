"""The gate of the staff pages."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from config.models import User

PAGE = "/reports/redemption/?as_of="


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("staff:one", email="one@example.org", is_staff=True)


@pytest.fixture
def staff_client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def key_of(user: User) -> Authenticator:
    return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={})


def remember(client: Client, user: User, **record: Any) -> None:
    """Note in the session how it was authenticated, as allauth does."""
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"at": time.time(), **record}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def way_of(client: Client) -> tuple[int, str, str]:
    """Status, where it leads, and where that is told to lead back."""
    response = client.get(PAGE)
    target = urlsplit(response.headers.get("Location", ""))
    return response.status_code, target.path, parse_qs(target.query).get("next", [""])[0]


def test_staff_who_used_their_security_key_come_in(staff: User, staff_client: Client) -> None:
    remember(staff_client, staff, method="mfa", type="webauthn", id=key_of(staff).pk)
    assert staff_client.get(PAGE).status_code == 200


def test_strangers_are_sent_to_sign_in_and_back(db: None, client: Client) -> None:
    assert way_of(client) == (302, reverse("account_request_login_code"), PAGE)


def test_maintainers_are_refused(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("maintainer:m", email="m@example.org"))
    assert client.get(PAGE).status_code == 403


def test_staff_without_a_security_key_are_sent_to_add_one(staff_client: Client) -> None:
    assert way_of(staff_client) == (302, reverse("mfa_add_webauthn"), PAGE)


def test_staff_who_signed_in_without_their_key_are_sent_to_use_it(staff: User, staff_client: Client) -> None:
    key_of(staff)
    assert way_of(staff_client) == (302, reverse("mfa_reauthenticate_webauthn"), PAGE)


@pytest.mark.parametrize(
    "record",
    [{"method": "code"}, {"method": "mfa", "type": "recovery_codes"}, {"method": "mfa", "type": "totp"}],
)
def test_nothing_but_a_security_key_will_do(
    staff: User, staff_client: Client, record: dict[str, str]
) -> None:
    remember(staff_client, staff, **record, id=key_of(staff).pk)
    assert staff_client.get(PAGE).status_code == 302


def test_a_key_that_was_removed_since_no_longer_opens(staff: User, staff_client: Client) -> None:
    lost, kept = key_of(staff), key_of(staff)
    remember(staff_client, staff, method="mfa", type="webauthn", id=lost.pk)
    lost.delete()
    assert kept.pk
    assert staff_client.get(PAGE).status_code == 302


def test_somebody_elses_key_does_not_open(staff: User, staff_client: Client) -> None:
    other = User.objects.create_user("staff:two", email="two@example.org", is_staff=True)
    remember(staff_client, staff, method="mfa", type="webauthn", id=key_of(other).pk)
    assert staff_client.get(PAGE).status_code == 302


def test_a_record_of_somebody_else_in_the_session_does_not_open(staff: User, staff_client: Client) -> None:
    other = User.objects.create_user("staff:two", email="two@example.org", is_staff=True)
    remember(staff_client, other, method="mfa", type="webauthn", id=key_of(staff).pk)
    assert staff_client.get(PAGE).status_code == 302


def test_a_demo_may_do_without_keys(staff_client: Client, settings: Any) -> None:
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    assert staff_client.get(PAGE).status_code == 200


def test_a_demo_still_refuses_maintainers(db: None, client: Client, settings: Any) -> None:
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    client.force_login(User.objects.create_user("maintainer:m", email="m@example.org"))
    assert client.get(PAGE).status_code == 403
