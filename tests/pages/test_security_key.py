"""Staff and their security keys, in a real browser with the virtual authenticator that Chromium has."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from config.models import User
from desk.models import Appointment
from desk.roles import Role
from tests.browser import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _the_desk_wants_a_key(transactional_db: None, settings: LazySettings) -> None:
    cache.clear()
    settings.STAFF_SECURITY_KEY_REQUIRED = True


@pytest.fixture
def staff(now: Any) -> User:
    # Nobody has a password here, staff neither.
    user = User.objects.create_user(username="robin", email="robin@example.org", is_staff=True)
    Appointment.objects.create(user=user, role=Role.ADMINISTRATOR, appointed_at=now, appointed_by=None)
    return user


@pytest.fixture
def visitor(browser: Browser, live_server: Any) -> Iterator[Visitor]:
    # A security key belongs to a host name; browsers take none for a bare number.
    someone = Visitor(browser, site=live_server.url.replace("127.0.0.1", "localhost"))
    someone.context.set_default_timeout(60_000)
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


def code_by_mail(visitor: Visitor, email: str) -> None:
    """Sign in with a code; staff's codes are mailed at once."""
    from django.core import mail

    from tests.browser import code_in

    page = visitor.page
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("heading", name="Enter your code").wait_for()
    page.get_by_label("Code").fill(code_in(str(mail.outbox[-1].body)))
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_staff_enrol_a_key_at_the_first_sign_in_and_use_it_at_the_next(visitor: Visitor, staff: User) -> None:
    page = visitor.page
    devtools, key = plug_in(page)

    # The first sign-in: a code by mail lets nobody at the desk, it only lets them add a key.
    visitor.go("/desk/")
    code_by_mail(visitor, "robin@example.org")
    page.wait_for_url("**/webauthn/add/**")
    visitor.look("security-key-add")
    page.get_by_label("Name").fill("The blue one")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/desk/**")
    assert Authenticator.objects.get().user == staff
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
    assert page.get_by_role("heading", level=1).is_visible()

    # The next: the key alone, without a code.
    page.context.clear_cookies()
    visitor.go("/sign-in/login/?next=/desk/")
    page.get_by_role("button", name="Use a security key").click()
    page.wait_for_url("**/desk/**")
    assert page.get_by_role("heading", level=1).is_visible()


def test_a_code_without_the_key_does_not_open_the_desk(visitor: Visitor, staff: User) -> None:
    page = visitor.page
    devtools, key = plug_in(page)
    visitor.go("/desk/")
    code_by_mail(visitor, "robin@example.org")
    page.wait_for_url("**/webauthn/add/**")
    page.get_by_label("Name").fill("The blue one")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/desk/**")

    # Somebody with the mailbox and no key gets no further than the question for it.
    page.context.clear_cookies()
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    cache.clear()
    visitor.go("/desk/")
    code_by_mail(visitor, "robin@example.org")
    page.wait_for_load_state()
    assert "/desk/" not in page.url.split("?")[0]
    visitor.go("/desk/")
    assert "/desk/" not in page.url.split("?")[0]
    # Nor can they enrol one of their own to get in by.
    visitor.go("/sign-in/2fa/webauthn/add/")
    assert page.get_by_role("button", name="Add").count() == 0
    assert Authenticator.objects.count() == 1


def test_a_session_that_never_used_a_key_is_refused(visitor: Visitor, staff: User) -> None:
    """Whoever got hold of a session, or opened one in another way, is sent to add a key first."""
    session = SessionStore()
    session[SESSION_KEY] = str(staff.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = staff.get_session_auth_hash()
    session.create()
    visitor.context.add_cookies(
        [{"name": "sessionid", "value": str(session.session_key), "url": visitor.site}]
    )
    visitor.go("/desk/")
    assert "/webauthn/add/" in visitor.page.url


def test_the_sign_in_page_passes_for_everybody(visitor: Visitor, staff: User) -> None:
    visitor.go("/sign-in/login/")
    visitor.look("sign-in-key")
