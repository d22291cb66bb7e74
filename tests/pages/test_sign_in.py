"""Signing in: a code of six digits, or the index's word; no one learns from it who is on the roster."""

import json
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from common import clock
from config.models import User
from fulfillment.claims.models import Campaign
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.services import send_notices
from roster.models import Account
from tests.browser import mailed_code
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db
REQUEST, CONFIRM = "/sign-in/login/code/", "/sign-in/login/code/confirm/"


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> None:
    cache.clear()


def ask(client: Client, email: str) -> HttpResponse:
    return client.post(REQUEST, {"email": email}, follow=True)  # type: ignore[return-value]


def enter(client: Client, code: str) -> HttpResponse:
    return client.post(CONFIRM, {"code": code})  # type: ignore[return-value]


def is_signed_in(client: Client) -> bool:
    return client.get("/me/data/").status_code == 200


class TestTheCode:
    def test_it_has_six_digits_and_signs_in_once(self, client: Client, roster: Roster) -> None:
        ask(client, "owner@example.org")
        code = mailed_code()
        assert re.fullmatch(r"\d{6}", code)
        enter(client, code)
        assert is_signed_in(client)
        # The same code in another window is worth nothing.
        other = Client()
        ask(other, "owner@example.org")
        enter(other, code)
        assert not is_signed_in(other)

    def test_it_is_good_for_ten_minutes(
        self, client: Client, roster: Roster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask(client, "owner@example.org")
        code, asked_at = mailed_code(), time.time()
        monkeypatch.setattr(time, "time", lambda: asked_at + 601)
        enter(client, code)
        assert not is_signed_in(client)

    def test_wrong_ones_end_it(self, client: Client, roster: Roster) -> None:
        ask(client, "owner@example.org")
        code = mailed_code()
        wrong = "000000" if code != "000000" else "111111"
        for _ in range(5):
            enter(client, wrong)
        enter(client, code)
        assert not is_signed_in(client)

    @pytest.mark.parametrize(
        "typed", ["", "   ", "1" * 10_000, "12345\x00", "\u202e123456", "<b>", "=1+1", "１２３"]
    )
    def test_what_is_no_code_is_refused_beside_the_field(
        self, client: Client, roster: Roster, typed: str
    ) -> None:
        ask(client, "owner@example.org")
        page = enter(client, typed)
        assert page.status_code == 200
        assert "field-bad" in page.content.decode()
        assert not is_signed_in(client)

    def test_it_may_be_asked_for_only_so_often(self, client: Client, roster: Roster) -> None:
        """By address and not by visitor, and for an unknown address in the same way."""
        last = {}
        for email in ("owner@example.org", "stranger@example.net"):
            for _ in range(3):
                assert ask(Client(), email).redirect_chain  # type: ignore[attr-defined]
            last[email] = ask(Client(), email)
            assert not last[email].redirect_chain  # type: ignore[attr-defined]
        assert Notice.objects.count() == 3
        pages = {without_what_was_typed(page, email) for email, page in last.items()}
        assert len(pages) == 1

    def test_its_mail_comes_in_the_language_it_was_asked_in(self, client: Client, roster: Roster) -> None:
        client.post(REQUEST, {"email": "owner@example.org"}, headers={"Accept-Language": "de"})
        mailed_code()
        assert mail.outbox[-1].subject == "Ihr Anmeldecode für Keydesk"
        assert Recipient.objects.get().language == "de"

    def test_a_session_is_short(self, settings: LazySettings) -> None:
        assert settings.SESSION_COOKIE_AGE <= 12 * 3600
        assert settings.SESSION_COOKIE_HTTPONLY


def without_what_was_typed(answer: HttpResponse, email: str) -> str:
    """A page without the address, and without what differs from one request to the next."""
    page = answer.content.decode().replace(email, "ADDRESS")
    return re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", page)


class TestNobodyLearnsWhoIsOnTheRoster:
    STRANGER = "stranger@example.net"

    def test_asking_for_a_code_gets_the_same_answer_by_the_same_steps(self, roster: Roster) -> None:
        known, unknown = Client(), Client()
        first, second = ask(known, "owner@example.org"), ask(unknown, self.STRANGER)
        assert first.status_code == second.status_code == 200
        assert first.redirect_chain == second.redirect_chain  # type: ignore[attr-defined]
        assert without_what_was_typed(first, "owner@example.org") == without_what_was_typed(
            second, self.STRANGER
        )
        assert set(known.cookies) == set(unknown.cookies)
        assert first.headers.keys() == second.headers.keys()

    def test_a_wrong_code_gets_the_same_answer(self, roster: Roster) -> None:
        known, unknown = Client(), Client()
        ask(known, "owner@example.org")
        ask(unknown, self.STRANGER)
        for _ in range(6):
            first, second = enter(known, "000000"), enter(unknown, "000000")
            assert first.status_code == second.status_code
            assert without_what_was_typed(first, "owner@example.org") == without_what_was_typed(
                second, self.STRANGER
            )

    def test_no_request_waits_for_a_mail_server(self, roster: Roster, client: Client) -> None:
        """The mail would tell by its time; it leaves later, from a worker."""
        ask(client, "owner@example.org")
        assert mail.outbox == []
        assert send_notices(now=clock.now()) == 1

    @pytest.mark.parametrize(
        "path", ["/", "/claim/", "/me/data/", "/api/v1/campaigns/keys-2022", "/api/v1/regions"]
    )
    def test_public_pages_are_the_same_whoever_is_on_the_roster(
        self, campaign: Campaign, roster: Roster, path: str
    ) -> None:
        with_everybody = Client().get(path).content
        Account.objects.filter(username="m-second").update(email="", email_verified=False)
        assert Client().get(path).content == with_everybody

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/api/v1/maintainers/{username}/eligibility"),
            ("get", "/api/v1/claims"),
            ("post", "/api/v1/claims"),
            ("get", "/api/v1/me/data"),
            ("get", "/api/v1/me/eligibility"),
            ("put", "/api/v1/roster/accounts/{username}"),
        ],
    )
    def test_the_api_tells_nobody_without_a_token(
        self, campaign: Campaign, roster: Roster, method: str, path: str
    ) -> None:
        answers = [
            getattr(Client(), method)(path.format(username=username), content_type="application/json")
            if method != "get"
            else Client().get(path.format(username=username))
            for username in ("m-owner", "no one-of-this-name")
        ]
        assert {answer.status_code for answer in answers} <= {401, 404, 405}
        assert answers[0].status_code == answers[1].status_code
        assert len({answer.content for answer in answers}) == 1

    def test_a_maintainer_learns_nothing_about_another(
        self, roster: Roster, stock: None, make_claim: MakeClaim, signed_in: Callable[[str], Client]
    ) -> None:
        theirs = make_claim("m-second").code
        client = signed_in("m-owner")
        for path in (
            "/claims/{}/",
            "/claims/{}/cancel/",
            "/api/v1/me/claims/{}",
        ):
            there, nowhere = client.get(path.format(theirs)), client.get(path.format("C-000000000000"))
            assert there.status_code == nowhere.status_code == 404
            if path.startswith("/api"):
                continue
            assert there.content.replace(theirs.encode(), b"C-000000000000") == nowhere.content


class Index(BaseHTTPRequestHandler):
    """A package index as an OpenID Connect provider, as small as one can be."""

    says: dict[str, Any] = {}
    fails = False

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path == "/.well-known/openid-configuration":
            self._answer(
                {
                    "issuer": base,
                    "authorization_endpoint": f"{base}/authorize",
                    "token_endpoint": f"{base}/token",
                    "userinfo_endpoint": f"{base}/userinfo",
                    "jwks_uri": f"{base}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                }
            )
        elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer access":
            self._answer(Index.says)
        else:
            self._answer({}, status=404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        is_right = form.get("client_secret") == ["hush"] and form.get("code") == ["granted"]
        # PKCE: who asks for the token is who asked for the code.
        if Index.fails or not is_right or "code_verifier" not in form:
            self._answer({"error": "invalid_grant"}, status=400)
            return
        now = int(time.time())
        identity = {**Index.says, "iss": base, "aud": "keydesk", "iat": now, "exp": now + 60}
        token = ".".join(_encoded(part) for part in ({"alg": "RS256", "kid": "1"}, identity)) + ".c2ln"
        self._answer({"access_token": "access", "token_type": "Bearer", "id_token": token})

    def _answer(self, document: dict[str, Any], *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def _encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class TestThroughTheIndex:
    LOGIN = "/sign-in/oidc/index/login/"
    CALLBACK = "/sign-in/oidc/index/login/callback/"

    @pytest.fixture(autouse=True)
    def index(self, settings: LazySettings) -> Iterator[type[Index]]:
        Index.says, Index.fails = {"sub": "42", "preferred_username": "M-Owner"}, False
        server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.OIDC_NAME = "the index"
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                **settings.SOCIALACCOUNT_PROVIDERS["openid_connect"],
                "APPS": [
                    {
                        "provider_id": "index",
                        "name": "the index",
                        "client_id": "keydesk",
                        "secret": "hush",
                        "settings": {
                            "server_url": f"http://127.0.0.1:{server.server_port}",
                            "uid_field": "sub",
                        },
                    }
                ],
            }
        }
        yield Index
        server.shutdown()
        thread.join()
        server.server_close()

    def come_back(
        self, client: Client, *, code: str = "granted", next_page: str = "/me/data/"
    ) -> HttpResponse:
        """To the index and back, as a browser goes."""
        away = client.post(f"{self.LOGIN}?next={next_page}")
        asked = parse_qs(urlsplit(away.headers["Location"]).query)
        assert asked["client_id"] == ["keydesk"]
        assert asked["code_challenge_method"] == ["S256"]
        return client.get(self.CALLBACK, {"code": code, "state": asked["state"][0]})  # type: ignore[return-value]

    def test_the_index_says_who_somebody_is(self, client: Client, roster: Roster, now: datetime) -> None:
        answer = self.come_back(client)
        assert answer.headers["Location"] == "/me/data/"
        assert is_signed_in(client)
        assert User.objects.get().account == roster["m-owner"]
        assert not SocialAccount.objects.exists()

    def test_it_is_the_same_sign_in_as_by_code(self, client: Client, roster: Roster) -> None:
        by_code = Client()
        ask(by_code, "owner@example.org")
        enter(by_code, mailed_code())
        self.come_back(client)
        assert User.objects.count() == 1

    @pytest.mark.parametrize("username", ["no one-of-this-name", "", None, "m-owner\x00"])
    def test_who_is_not_on_the_roster_is_sent_back(
        self, client: Client, roster: Roster, username: str | None
    ) -> None:
        Index.says = {"sub": "43", "preferred_username": username}
        answer = self.come_back(client)
        assert answer.headers["Location"] == REQUEST
        assert not is_signed_in(client)
        assert not User.objects.exists()

    def test_a_mail_address_at_the_index_proves_nothing(self, client: Client, roster: Roster) -> None:
        Index.says = {
            "sub": "44",
            "preferred_username": "stranger",
            "email": "owner@example.org",
            "email_verified": True,
        }
        self.come_back(client)
        assert not is_signed_in(client)

    @pytest.mark.parametrize(("code", "fails"), [("forged", False), ("granted", True)])
    def test_an_index_that_refuses_leads_back_to_the_code(
        self, client: Client, roster: Roster, code: str, fails: bool
    ) -> None:
        Index.fails = fails
        answer = self.come_back(client, code=code)
        assert answer.headers["Location"] == REQUEST
        assert not is_signed_in(client)

    def test_a_link_alone_signs_nobody_in(self, client: Client, roster: Roster) -> None:
        assert (
            client.get(self.CALLBACK, {"code": "granted", "state": "forged"}).headers["Location"] == REQUEST
        )
        assert client.get(self.LOGIN).status_code == 200
        assert not is_signed_in(client)

    def test_staff_do_not_come_in_this_way(self, client: Client, roster: Roster) -> None:
        User.objects.create(username="both", account=roster["m-owner"], is_staff=True)
        self.come_back(client)
        assert not is_signed_in(client)

    def test_the_button_is_there_where_it_is_set_up(self, client: Client, settings: LazySettings) -> None:
        assert "Sign in through the index" in client.get(REQUEST).content.decode()
        settings.OIDC_NAME = ""
        assert "Sign in through" not in client.get(REQUEST).content.decode()
