"""No sentence of the claimant's pages is left in English: every page in every state, held against itself."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from fulfillment.claims import timeline
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Campaign, Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.amendments_and_reviews import cancel_claim, review_claim
from fulfillment.claims.services.shipment_callbacks import record_delivered
from fulfillment.vault.addresses import PostalAddress
from inventory.models import KeyModel
from inventory.services.reservations import Wanted, reserve
from roster.models import Appeal, Disclaimer, Project, ProjectEvent
from roster.rules import COUNTRIES
from tests.conftest import USB_A, MakeClaim, Roster
from tests.pages.claiming import Claimant
from tests.pages.parcels import sealed_and_sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
SPOKEN = ("alt", "aria-label", "placeholder", "title")
UNSPOKEN = {"code", "pre", "script", "style", "option"}
# Names and what people typed are the same in every language; so is what staff wrote by hand.
NAMES = re.compile(
    r"m-[a-z]+|keystone-lib|quiet-lib|Keys for maintainers 2022|Example Foundation|Keydesk|USPS|NFC|USB-[AC]"
    r"|Robin Example|417 Montgomery Street|San Francisco|Owner|Maintainer|[A-Z]-[0-9A-Z]{12}|No one's\."
    r"|none-such|T-ABCD1234|https?://\S+|Export Administration Regulations|OFAC|EU|UTC|API|JSON|My only key broke\."
)
# Words that another language spells alike.
_COUNTRIES = {localized_country_name(code) for code in COUNTRIES}
ALIKE = {"Code", "Status", "Messages", "Questions", "Phrase", "Total", "Error 404"}


class Texts(HTMLParser):
    """What a page says, to the eye and to a screen reader."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("br", "img", "input", "link", "meta"):
            hides = tag in UNSPOKEN or ("lang" in given and tag != "html")
            self._inside.append((tag, hides))
        self.found += [value for name in SPOKEN if (value := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(hides for _tag, hides in self._inside):
            self.found.append(data)


def said(client: Client, path: str, language: str) -> set[str]:
    answer = client.get(path, headers={"Accept-Language": language}, follow=True)
    assert answer.status_code in (200, 404, 422), (path, answer.status_code)
    page = Texts()
    page.feed(answer.content.decode())
    plain = (NAMES.sub("", " ".join(text.split())).strip(" ·") for text in page.found)
    return {text for text in plain if re.search(r"[A-Za-z]{3}", text)}


def left_in_english(client: Client, paths: list[str]) -> dict[str, set[str]]:
    found = {}
    for path in paths:
        english = said(client, path, "en")
        for language in LANGUAGES:
            if same := (english & said(client, path, language)) - ALIKE - _COUNTRIES:
                found[f"{path} {language}"] = same
    return found


def test_the_public_pages(client: Client, roster: Roster, now: datetime) -> None:
    project = Project.objects.get(name="keystone-lib")
    for kind in (ProjectEvent.Kind.DELETED, ProjectEvent.Kind.RECREATED, ProjectEvent.Kind.TRANSFERRED):
        ProjectEvent.objects.create(
            project=project, kind=kind, on=now.date(), recorded_by="staff:1", recorded_at=now
        )
    paths = ["/", "/countries/", "/countries/?country=JP", "/countries/?country=IR", "/countries/?country=XX"]
    paths += ["/eligibility/", "/questions/", "/privacy/", "/our-mail/", "/status/", "/sign-in/login/code/"]
    paths += ["/projects/", "/projects/?q=no", "/projects/keystone-lib/", "/projects/none-such/", "/nowhere"]
    assert left_in_english(client, paths) == {}


def test_the_way_to_a_claim(
    signed_in: Callable[[str], Client], address: PostalAddress, roster: Roster, now: datetime
) -> None:
    owner = Claimant(signed_in("m-owner"), address)
    owner.prepare()
    paths = ["/claim/", "/claim/keys/", "/claim/keys/?port=usb_c", "/claim/address/", "/claim/review/"]
    assert left_in_english(owner.client, paths) == {}
    with transaction.atomic():
        model = KeyModel.objects.get(sku=USB_A).pk
        reserve(holder="others", wanted=[Wanted(model, 10)], actor="staff", now=now)
    assert left_in_english(owner.client, ["/claim/keys/", "/claim/review/"]) == {}
    for username in ("m-guarded", "m-bystander", "m-org"):
        assert left_in_english(signed_in(username), ["/claim/"]) == {}


def _states(make_claim: MakeClaim, now: datetime) -> Iterator[Claim]:
    """A claim in each state there is."""
    claim = make_claim("m-owner", in_part=True)
    yield claim
    sealed_and_sent(claim, now=now)
    yield claim
    record_delivered(claim, now=now + timedelta(days=5))
    yield claim
    reviewed = make_claim("m-org")
    yield reviewed
    review_claim(code=reviewed.code, approve=False, note="No one's.", reviewer="staff:1", now=now)
    yield reviewed
    cancelled = make_claim("m-second")
    cancel_claim(code=cancelled.code, actor="maintainer:1", now=now)
    yield cancelled
    with transaction.atomic():
        reserve(holder="others", wanted=[Wanted(None, 15)], actor="staff", now=now)
    yield make_claim("m-second")


def test_my_claim_in_every_state(
    signed_in: Callable[[str], Client], make_claim: MakeClaim, now: datetime
) -> None:
    for claim in _states(make_claim, now):
        client = signed_in(claim.account.username)
        pages = ("", "made/", "address/", "cancel/", "report/", "enrol/")
        found = left_in_english(client, [f"/claims/{claim.code}/{page}" for page in pages])
        assert found == {}, claim.state


def test_my_data_and_my_standing(
    signed_in: Callable[[str], Client],
    make_claim: MakeClaim,
    roster: Roster,
    campaign: Campaign,
    now: datetime,
) -> None:
    make_claim("m-owner")
    account = roster["m-guarded"]
    project = Project.objects.get(name="keystone-lib")
    for state in ("open", "declined"):
        answered = (
            {} if state == "open" else {"answer": "No one's.", "answered_at": now, "answered_by": "staff:1"}
        )
        Appeal.objects.create(
            account=account,
            rule="two_factor",
            text="My only key broke.",
            state=state,
            created_at=now,
            **answered,
        )
    Disclaimer.objects.create(account=account, project=project, kind="not_me", said_at=now)
    assert left_in_english(signed_in("m-guarded"), ["/me/standing/"]) == {}
    paths = ["/me/data/", "/me/data/erase/", "/me/standing/", "/messages/"]
    assert left_in_english(signed_in("m-owner"), paths) == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_and_event_has_its_words(language: str, now: datetime) -> None:
    from django.utils.translation import gettext, override

    events = [ClaimEvent(name=name, at=now, data={}) for name in ClaimEvent.Name]
    claims = [Claim(state=state) for state in ClaimState]
    with override("en"):
        english = [(step.title, step.text) for step in timeline.claim_timeline(events)]
        nexts = [timeline.next_step_text(claim, promised_days=None) for claim in claims]
    with override(language):
        for step, (title, text) in zip(timeline.claim_timeline(events), english, strict=True):
            assert step.title != title
            assert step.text != text or not text
        for claim, was in zip(claims, nexts, strict=True):
            assert was
            assert timeline.next_step_text(claim, promised_days=None) != was
            assert gettext(ClaimState(claim.state).label) != ClaimState(claim.state).label
