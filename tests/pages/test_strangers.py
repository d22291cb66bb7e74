"""Nothing tells whether somebody is on the roster, or claimed: not a page, not a badge, not the API.

What strangers see is taken down as a whole, twice: without a person, and with that person an owner of a critical
project who has claimed. Both must be the same to the letter.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from common import clock
from fulfillment.claims.models import Claim, Draft
from fulfillment.claims.services.shipment_callbacks import record_delivered
from fulfillment.notices.services import send_notices
from tests.browser import mailed_code
from tests.conftest import ACCOUNTS, ROLES, MakeClaim, Roster, import_roster
from tests.pages.parcels import sealed_and_sent
from tests.pages.public import PUBLIC_PAGES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]

STRANGER = "m-stranger,stranger@example.org,true,2015-01-01T00:00:00Z,false,false,false\n"
THEIR_ROLE = "keystone-lib,m-stranger,Owner,2016-01-01\n"
ASKED = (
    *PUBLIC_PAGES,
    *("/projects/quiet-lib/", "/me/standing/", "/messages/", "/claim/", "/me/data/"),
    *("/api/v1/campaigns/keys-2022", "/api/v1/stats/keys-2022", "/api/v1/regions", "/api/v1/regions/DE"),
    *("/api/v1/me/eligibility", "/api/v1/me/claims", "/api/v1/me/data"),
    "/api/v1/maintainers/m-stranger/eligibility",
)
BODY = {
    "campaign": "keys-2022",
    "maintainer": "m-stranger",
    "shipping_address": {
        "name": "S",
        "street1": "1 A St",
        "city": "X",
        "postal_code": "94104",
        "country": "US",
    },
}


def plain(answer: Any) -> tuple[int, str, str]:
    """An answer without what is new every time."""
    body = b"".join(answer) if answer.streaming else answer.content
    text = re.sub(r'(csrfmiddlewaretoken" value=|nonce=)"[^"]*"', "", body.decode())
    return answer.status_code, answer.headers.get("Location", ""), text


def everything_public(client: Client) -> dict[str, tuple[int, str, str]]:
    cache.clear()
    seen = {path: plain(client.get(path)) for path in ASKED}
    posted = client.post("/api/v1/claims", BODY, content_type="application/json")
    return seen | {"POST /api/v1/claims": plain(posted)}


def with_the_stranger(tmp_path: Path, *, now: datetime) -> Roster:
    (tmp_path / "with").mkdir()
    return import_roster(tmp_path / "with", now=now, accounts=ACCOUNTS + STRANGER, roles=ROLES + THEIR_ROLE)


def test_all_that_is_public_stays_the_same_with_and_without_somebody(
    client: Client, roster: Roster, make_claim: MakeClaim, tmp_path: Path, now: datetime
) -> None:
    before = everything_public(client)
    roster |= with_the_stranger(tmp_path, now=now)
    assert everything_public(client) == before
    claim = make_claim("m-stranger")
    assert everything_public(client) == before
    sealed_and_sent(claim, now=now)
    record_delivered(claim, now=now)
    assert everything_public(client) == before


def ask_for_a_code(email: str) -> tuple[list[Any], set[str]]:
    """Every answer on the way to a wrong code, with what the browser was given to keep."""
    cache.clear()
    client = Client()
    asked = client.post("/sign-in/login/code/", {"email": email})
    shown = client.get(asked.headers["Location"])
    wrong = client.post(asked.headers["Location"], {"code": "000000"})
    answers = [plain(answer) for answer in (asked, shown, wrong)]
    hidden = [
        tuple(
            re.sub(re.escape(email), "…", part, flags=re.IGNORECASE) if isinstance(part, str) else part
            for part in one
        )
        for one in answers
    ]
    return hidden, set(client.cookies)


@pytest.mark.parametrize("known", ["owner@example.org", "OWNER@example.org", "bystander@example.org"])
def test_asking_for_a_code_answers_everybody_alike(roster: Roster, known: str) -> None:
    nobody = ask_for_a_code("nobody@example.org")
    assert ask_for_a_code(known) == nobody
    # And a second time, when the first has made the sign-in.
    assert ask_for_a_code(known) == nobody
    send_notices(now=clock.now())
    assert {address for message in mail.outbox for address in message.to} == {known.lower()}


def test_a_code_of_somebody_else_is_a_wrong_code(roster: Roster) -> None:
    """Whoever has a code but not the window it was asked for in gets no further."""
    Client().post("/sign-in/login/code/", {"email": "owner@example.org"})
    code = mailed_code()
    elsewhere = Client()
    elsewhere.post("/sign-in/login/code/", {"email": "nobody@example.org"})
    elsewhere.post("/sign-in/login/code/confirm/", {"code": code})
    assert elsewhere.get("/me/data/").status_code == 302


def theirs_and_none(client: Client, addresses: Iterable[str], code: str) -> None:
    for address in addresses:
        theirs = plain(client.get(address.format(code)))
        none = plain(client.get(address.format("C-000000000000")))
        assert theirs[0] == none[0] == 404, address
        assert theirs[2].replace(code, "…") == none[2].replace("C-000000000000", "…"), address


def test_a_claim_of_somebody_else_reads_as_none(
    signed_in: Callable[[str], Client], make_claim: MakeClaim, roster: Roster, now: datetime
) -> None:
    claim = make_claim("m-owner")
    pages = ("", "made/", "address/", "cancel/", "report/", "enrol/", "pay/", "receipt/")
    addresses = [f"/claims/{{}}/{page}" for page in pages] + ["/api/v1/me/claims/{}"]
    theirs_and_none(signed_in("m-second"), addresses, claim.code)
    sealed_and_sent(claim, now=now)
    theirs_and_none(signed_in("m-second"), addresses, claim.code)
    theirs_and_none(signed_in("m-second"), ["/api/v1/me/claims/{}"], claim.code)
    Claim.objects.get(code=claim.code)


def test_a_signed_in_stranger_learns_nothing_of_others(
    signed_in: Callable[[str], Client], roster: Roster, make_claim: MakeClaim, tmp_path: Path, now: datetime
) -> None:
    """Who has no say over a project is answered alike about everybody, and sees pages about nobody."""
    client = signed_in("m-bystander")
    paths = (
        "/",
        "/claim/",
        "/me/standing/",
        "/messages/",
        "/projects/keystone-lib/",
        "/api/v1/me/eligibility",
    )
    named = {"project": "keystone-lib", "username": "m-stranger"}

    def all_they_see() -> list[tuple[int, str, str]]:
        cache.clear()
        seen = [plain(client.get(path)) for path in paths]
        return [*seen, plain(client.post("/me/standing/people/", named))]

    before = all_they_see()
    roster |= with_the_stranger(tmp_path, now=now)
    make_claim("m-stranger")
    assert all_they_see() == before
    assert not Draft.objects.filter(account=roster["m-stranger"]).exists()
