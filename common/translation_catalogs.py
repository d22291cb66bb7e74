"""Message catalogues under locale/: extracted from the source, updated, checked and compiled.

GNU gettext is not needed: Django turns a template into lines that look like Python, which Babel parses as
Python. `manage.py translations` does the work; a test compares the catalogues with the source.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

from config.environment import ROOT

# Apps whose texts maintainers read; the desk and the stand-ins are in English only.
ROOMS = ("config", "pages", "fulfillment", "roster", "api")
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    # The name of `gettext` in modules where `_` is the lazy one.
    "text": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
DOMAIN = "django"
_PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%[sd%]")
# No dates and no line numbers, so that a catalogue changes only with its texts.
_NO_DATE = datetime(2022, 1, 1, tzinfo=UTC)

Key = tuple[str | tuple[str, ...], str | None]


def languages() -> list[str]:
    """The languages that have a catalogue: all but the one the source is written in."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def path_of(language: str, ending: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def source_messages(tables: Mapping[str, Iterable[str]]) -> dict[Key, list[str]]:
    """Every translatable text of the source, with the files that contain it.

    Args: tables: texts that are not arguments of a gettext call, such as those of pure rules, by file.
    """
    found: dict[Key, list[str]] = {}
    for path in _source_files():
        for message, context in _messages_in(path):
            places = found.setdefault((message, context), [])
            if (place := str(path.relative_to(ROOT))) not in places:
                places.append(place)
    for place, texts in tables.items():
        for text in texts:
            found.setdefault((text, None), []).append(place)
    return found


def _source_files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "migrations" not in path.parts:
                yield path


def _messages_in(path: Path) -> Iterator[Key]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        if "{%" not in source:
            return
        # In brackets, because a template is not indented like Python.
        source = f"({templatize(source, origin=str(path))})"
    for _, message, _, context in extract("python", BytesIO(source.encode()), KEYWORDS):
        yield message, context


def read(language: str) -> Catalog:
    """The catalogue of a language, empty if there is none yet."""
    path = path_of(language, "po")
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def updated(language: str, wanted: dict[Key, list[str]]) -> Catalog:
    """The catalogue with exactly the wanted texts; existing translations are kept, new ones are empty."""
    before = read(language)
    after = Catalog(
        locale=language,
        domain=DOMAIN,
        project="Keydesk",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        last_translator="Keydesk",
        language_team=language,
        fuzzy=False,
    )
    for (text, context), places in sorted(wanted.items(), key=lambda item: (item[1], str(item[0]))):
        known = before.get(_id_of(text), context)
        string = known.string if known is not None and known.id == text else None
        after.add(text, string, context=context, locations=[(place, 0) for place in places])
    return after


def write_catalog(language: str, catalog: Catalog) -> None:
    """The catalogue as text for translators, and compiled as Django reads it."""
    path_of(language, "po").parent.mkdir(parents=True, exist_ok=True)
    path_of(language, "po").write_bytes(as_po(catalog))
    path_of(language, "mo").write_bytes(as_mo(catalog))


def as_po(catalog: Catalog) -> bytes:
    out = BytesIO()
    write_po(out, catalog, width=100, include_lineno=False, ignore_obsolete=True)
    return out.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def catalog_problems(language: str, wanted: dict[Key, list[str]]) -> list[str]:
    """Problems of a catalogue, one line each: missing, empty, fuzzy, or different placeholders."""
    catalog = read(language)
    found = []
    for (text, context), places in wanted.items():
        message = catalog.get(_id_of(text), context)
        what = _problem_with(message) if message is not None and message.id == text else "is missing"
        if what:
            found.append(f"{language}: {_id_of(text)!r} ({places[0]}) {what}")
    stale = {(message.id, message.context) for message in catalog if message.id} - set(wanted)
    found.extend(f"{language}: {_id_of(text)!r} is no longer in the source" for text, _ in stale)
    return sorted(found)


def _forms(texts: str | Sequence[str] | None) -> tuple[str, ...]:
    """A message's text, or its singular and plurals."""
    return (texts or "",) if isinstance(texts, str | None) else tuple(texts)


def _problem_with(message: Message) -> str:
    strings = _forms(message.string)
    if not all(strings):
        return "is not translated"
    if message.fuzzy:
        return "is marked as doubtful"
    ids = _forms(message.id)
    # Either form may say "one" in words; the plural must show every value.
    wanted = set(_PLACEHOLDER.findall(ids[-1]))
    allowed = [wanted, set(_PLACEHOLDER.findall(ids[0]))]
    if any(set(_PLACEHOLDER.findall(string)) not in allowed for string in strings):
        return f"has other placeholders than {sorted(wanted)}"
    if ids[0].startswith("\n") != strings[0].startswith("\n") or ids[0].endswith("\n") != strings[0].endswith(
        "\n"
    ):
        return "begins or ends with a line break where the other does not"
    return ""


def _id_of(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]
