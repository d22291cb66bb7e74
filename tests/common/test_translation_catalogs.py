"""The catalogues hold every text of the claimant's side, whole, with the same placeholders, and compiled."""

from pathlib import Path

import pytest
from babel.messages import Catalog
from django.conf import settings
from django.utils import translation

from common import translation_catalogs
from common.translation_catalogs import Key
from config.management.commands.translations import tables


@pytest.fixture(scope="module")
def wanted() -> dict[Key, list[str]]:
    return translation_catalogs.source_messages(tables())


def test_there_is_a_catalogue_of_every_language_we_offer() -> None:
    assert translation_catalogs.languages() == ["de", "fr", "es", "ja"]
    assert settings.LANGUAGE_CODE == "en"


@pytest.mark.parametrize("language", translation_catalogs.languages())
def test_every_text_is_translated_with_its_placeholders(language: str, wanted: dict[Key, list[str]]) -> None:
    """Where this fails: `manage.py translations --write`, fill in what is empty, and run it again."""
    assert translation_catalogs.catalog_problems(language, wanted) == []


@pytest.mark.parametrize("language", translation_catalogs.languages())
def test_the_compiled_catalogue_is_the_readable_one(language: str) -> None:
    compiled = translation_catalogs.as_mo(translation_catalogs.read(language))
    assert compiled == translation_catalogs.path_of(language, "mo").read_bytes()


def test_texts_are_found_in_code_templates_and_tables(wanted: dict[Key, list[str]]) -> None:
    assert wanted["Hello %(username)s,", None] == [
        "fulfillment/notices/templates/notices/mail.html",
        "fulfillment/notices/templates/notices/mail.txt",
    ]
    assert ("{number} more", "{number} more") in {text for text, _ in wanted}
    assert wanted["There is nothing you need to do.", None] == ["roster/rules/messages.py"]
    assert wanted["Export to Crimea is restricted by sanctions law.", None]


@pytest.mark.parametrize(
    ("text", "string", "problem"),
    [
        ("{a} of {b}", "", "is not translated"),
        ("{a} of {b}", "{a} von", "has other placeholders"),
        ("{a} of {b}", "{b}: {a}", ""),
        ("100 %(n)s", "100 %(m)s", "has other placeholders"),
        ((" {n} day", "{n} days"), ("{n} Tag", ""), "is not translated"),
        (("one day", "{n} days"), ("ein Tag", "{n} Tage"), ""),
        (("one day", "{n} days"), ("ein Tag", "viele Tage"), ""),
        (("{n} day", "{n} days"), ("ein Tag", "{n} Tage"), "has other placeholders"),
        ("a\n", "b", "line break"),
    ],
)
def test_what_is_wrong_with_a_translation_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, string: str, problem: str
) -> None:
    monkeypatch.setattr(translation_catalogs, "ROOT", tmp_path)
    catalog = Catalog(locale="de", domain="django", fuzzy=False)
    catalog.add(text, string)
    translation_catalogs.write_catalog("de", catalog)
    found = translation_catalogs.catalog_problems("de", {(text, None): ["a.py"]})
    assert [problem in one for one in found] == ([True] if problem else [])


def test_a_text_that_is_gone_is_named() -> None:
    assert len(translation_catalogs.catalog_problems("de", {})) > 100


def test_keeping_up_keeps_what_is_translated_and_drops_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation_catalogs, "ROOT", tmp_path)
    before = Catalog(locale="de", domain="django", fuzzy=False)
    before.add("stays", "bleibt")
    before.add("goes", "geht")
    translation_catalogs.write_catalog("de", before)
    after = translation_catalogs.updated("de", {("stays", None): ["a.py"], ("new", None): ["b.py"]})
    assert {message.id: message.string or "" for message in after if message.id} == {
        "stays": "bleibt",
        "new": "",
    }


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "Meine Daten"), ("fr", "Mes données"), ("es", "Mis datos"), ("ja", "私のデータ")],
)
def test_django_reads_them(language: str, expected: str) -> None:
    with translation.override(language):
        assert translation.gettext("My data") == expected
