"""Staff and their security keys, in a real browser with the virtual authenticator that Chromium has."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core import mail
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Browser, Page

from config.models import User
from desk.models import Appointment
from desk.roles import Role
from desk.services.lost_keys import report_lost_key, settle_lost_key
from tests.browser import Visitor, code_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _the_desk_wants_a_key(transactional_db: None, settings: LazySettings) -> None:
    cache.clear()
    settings.STAFF_SECURITY_KEY_REQUIRED = True


@pytest.fixture
def staff(now: datetime) -> User:
    # Without a password, as everyone here: with one, the library would ask for that.
    user = User.objects.create_user(username="robin", email="robin@example.org", is_staff=True)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    Appointment.objects.create(user=user, role=Role.ADMINISTRATOR, appointed_at=now, appointed_by=None)
    return user


@pytest.fixture
def visitor(browser: Browser, live_server: Any) -> Iterator[Visitor]:
    # A security key belongs to a host name; browsers take none for a bare number.
    someone = Visitor(browser, site=live_server.url.replace("127.0.0.1", "localhost"))
    someone.context.set_default_timeout(15_000)
    yield someone
    someone.close()


def plug_in(page: Page) -> tuple[Any, str]:
    """Give the browser a security key that is touched at once; the session and the key's id."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    added = devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "usb",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return devtools, added["authenticatorId"]


def sign_in_by_code(visitor: Visitor) -> None:
    """Sign in with a code by email, from wherever the visitor was sent to sign in."""
    page = visitor.page
    page.get_by_label("Email").fill("robin@example.org")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    page.get_by_label("Code").fill(code_in(str(mail.outbox[-1].body)))
    page.get_by_role("button", name="Sign in", exact=True).click()


def enrol(visitor: Visitor) -> None:
    """The first sign-in at the desk: a code by email lets no one in, it only lets them add a key."""
    page = visitor.go("/desk/")
    sign_in_by_code(visitor)
    page.wait_for_url("**/webauthn/add/**")
    visitor.look_all("security-key-add")
    page.get_by_label("Name").fill("The blue one")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Rename The blue one").wait_for()
    visitor.look_all("security-keys")


def touch(visitor: Visitor) -> None:
    """Say who is there with the key."""
    page = visitor.page
    page.wait_for_url("**/webauthn/reauthenticate/**")
    visitor.look_all("security-key-use")
    page.get_by_role("button", name="Use a security key").click()


def test_staff_enrol_a_key_and_sign_in_with_it(visitor: Visitor, staff: User) -> None:
    page = visitor.page
    devtools, key = plug_in(page)
    enrol(visitor)
    page.get_by_role("link", name="Go to the desk").click()
    touch(visitor)
    page.get_by_role("heading", name="Dashboard").wait_for()
    assert Authenticator.objects.get().user == staff
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1

    # The next time the key alone is enough, without a code.
    page.context.clear_cookies()
    visitor.go("/sign-in/login/?next=/desk/")
    visitor.look_all("sign-in-key")
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_role("heading", name="Dashboard").wait_for()


def test_the_mailbox_alone_opens_no_desk(visitor: Visitor, staff: User) -> None:
    page = visitor.page
    devtools, key = plug_in(page)
    enrol(visitor)

    # Someone with the mailbox and without the key.
    page.context.clear_cookies()
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    cache.clear()
    visitor.go("/desk/")
    sign_in_by_code(visitor)
    page.wait_for_url("**/2fa/authenticate/**")
    for path in ("/desk/", "/sign-in/2fa/webauthn/add/"):
        visitor.go(path)
        assert page.get_by_role("heading", name="Dashboard").count() == 0
        # Nor can they enrol a key of their own to get in by.
        assert page.get_by_role("button", name="Add").count() == 0
    assert Authenticator.objects.count() == 1


def test_who_lost_the_only_key_is_let_in_again_by_two_others(
    visitor: Visitor, staff: User, now: datetime
) -> None:
    page = visitor.page
    devtools, key = plug_in(page)
    enrol(visitor)
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    first, second = (User.objects.create(username=name, is_staff=True) for name in ("first", "second"))
    lost = report_lost_key(user=staff, reason="We met.", by=first, now=now)
    settle_lost_key(lost_id=lost.pk, takes_off=True, by=second, now=now)

    # The session of before is over: there is no adding a key from a laptop left behind.
    visitor.go("/sign-in/2fa/webauthn/add/")
    page.wait_for_url("**/sign-in/login/**")
    cache.clear()
    plug_in(page)
    enrol(visitor)
    page.get_by_role("link", name="Go to the desk").click()
    touch(visitor)
    page.get_by_role("heading", name="Dashboard").wait_for()
    assert Authenticator.objects.get().user == staff


def test_a_session_that_never_used_a_key_is_sent_to_add_one(visitor: Visitor, staff: User) -> None:
    """Whoever opened a session in another way gets no further either."""
    client = Client()
    client.force_login(staff)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": visitor.site}
    visitor.context.add_cookies([cookie])  # type: ignore[list-item]
    visitor.go("/desk/")
    assert "/webauthn/add/" in visitor.page.url
