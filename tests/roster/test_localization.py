"""What the rules say can be said in every language, with dates, countries and lists as that language has them."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from roster.localization import localized_country_name, localized_phrase, localized_reason, remedy_of
from roster.rules import Facts, RoleFact, decide, parse_policy
from roster.rules.facts import CampaignFact, RegionFact
from roster.rules.messages import TEXTS, Countries, Country, Listing, Phrase

LANGUAGES = [code for code, _ in settings.LANGUAGES]
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
POLICY = parse_policy(
    {
        "version": "all",
        "rules": [
            {"rule": "campaign_open"},
            {"rule": "on_critical_roster"},
            {"rule": "two_factor", "allow": ["none", "totp"]},
            {"rule": "region"},
            {"rule": "role_age", "min_days": 30},
        ],
    }
)


def facts(**given: Any) -> Facts:
    return Facts(
        **{
            "username": "m-1",
            "roles": (
                RoleFact(project="keystone", role="Owner", critical=True, since=date(2022, 7, 1)),
                RoleFact(project="archway", role="Owner", critical=True, since=date(2022, 7, 1)),
            ),
            "has_totp": False,
            "has_webauthn": True,
            "country": "DE",
            "region": RegionFact(status="paused", reason="Strikes {everywhere}", source="x"),
            "campaign": CampaignFact(
                opens_at=datetime(2022, 8, 1, tzinfo=UTC), closes_at=datetime(2022, 10, 3, tzinfo=UTC)
            ),
            **given,
        }
    )


def said_in(language: str, given: Facts) -> dict[str, tuple[str, str]]:
    with translation.override(language):
        verdicts = decide(given, POLICY, NOW).verdicts
        return {verdict.rule: (localized_reason(verdict), remedy_of(verdict)) for verdict in verdicts}


def test_english_stays_as_the_rules_say_it() -> None:
    verdicts = decide(facts(), POLICY, NOW).verdicts
    assert verdicts[0].reason == "The programme is not open yet: it opens on 2022-08-01 00:00 UTC."
    assert verdicts[1].reason == "You are Owner of archway and 1 more, designated critical."
    assert verdicts[3].reason == "Sending keys to DE is paused: Strikes {everywhere}."


def test_german_says_the_same() -> None:
    said = said_in("de", facts())
    assert said["campaign_open"][0].startswith("Das Programm hat noch nicht begonnen: Es beginnt am 1")
    assert "August 2022" in said["campaign_open"][0]
    assert said["on_critical_roster"][0] == (
        "Sie sind Owner von archway und 1 weiteren, als kritisch eingestuft."
    )
    assert said["region"][0] == "Der Versand nach Deutschland ruht: Strikes {everywhere}."


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("given", [facts(), Facts(username="m-1"), facts(has_webauthn=False, country=None)])
def test_no_placeholder_is_left_in_any_language(language: str, given: Facts) -> None:
    for reason, remedy in said_in(language, given).values():
        assert reason
        assert remedy
        assert not re.search(r"\{(?!everywhere)", reason + remedy)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_nothing_is_left_in_english(language: str) -> None:
    english = said_in("en", facts())
    for rule, (reason, remedy) in said_in(language, facts()).items():
        assert reason != english[rule][0]
        assert remedy != english[rule][1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_takes_its_values_in_every_language(language: str) -> None:
    with translation.override(language):
        for cases in TEXTS.values():
            for text in cases.values():
                for sentence in (text.reason, text.remedy):
                    names = re.findall(r"\{(\w+)\}", sentence)
                    said = localized_phrase(Phrase(sentence, {name: f"<{name}>" for name in names}))
                    assert all(f"<{name}>" in said for name in names)


@pytest.mark.parametrize(
    ("language", "listed", "place"),
    [
        ("en", "a, b or c", "Germany"),
        ("de", "a, b oder c", "Deutschland"),
        ("fr", "a, b ou c", "Allemagne"),
        ("es", "a, b o c", "Alemania"),
        ("ja", "a、b、またはc", "ドイツ"),
    ],
)
def test_lists_and_countries_are_the_languages_own(language: str, listed: str, place: str) -> None:
    with translation.override(language):
        phrase = Phrase(
            "{list}; {place}; {places}",
            {"list": Listing(("a", "b", "c")), "place": Country("DE"), "places": Countries(("DE",))},
        )
        assert localized_phrase(phrase) == f"{listed}; {place}; {place}"
        assert localized_country_name("ZQ") == "ZQ"
