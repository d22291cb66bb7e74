"""Translation of verdicts, since the rules are pure and use English only."""

import re
from datetime import UTC, date, datetime
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_decimal
from django.utils.translation import get_language, gettext

from roster.rules.decision import Verdict
from roster.rules.messages import Countries, Country, Listing, Phrase

ALWAYS = "the package index itself depends on it"
_RANK = re.compile(r"rank (?P<rank>\d+) by downloads")


def localized_reason(verdict: Verdict) -> str:
    """The reason in the active language; a verdict read back from storage is in English."""
    return localized_phrase(verdict.message.reason) if verdict.message else verdict.reason


def remedy_of(verdict: Verdict) -> str:
    """The remedy in the active language."""
    return localized_phrase(verdict.message.remedy) if verdict.message else verdict.remedy


def localized_phrase(phrase: Phrase) -> str:
    """Format a phrase in the active language."""
    values = {name: _shown(value) for name, value in phrase.values.items()}
    sentence = gettext(phrase.sentence)
    # A reason typed into the region table may contain braces; only sentences with values are formatted.
    return sentence.format(**values) if values else sentence


def why_critical(reason: str) -> str:
    """Translate the result of `roster.selectors.designation_reason`; notes stay as written."""
    rank = _RANK.fullmatch(reason)
    if rank is not None:
        return gettext("rank {rank} by downloads").format(rank=_shown(int(rank["rank"])))
    return gettext("the package index itself depends on it") if reason == ALWAYS else reason


def localized_country_name(code: str) -> str:
    """A country in the active language; the code itself when it is unknown."""
    name: str = Locale.parse(_locale()).territories.get(code, code)
    return name


def _shown(value: object) -> str:
    if isinstance(value, Phrase):
        shown = localized_phrase(value)
    elif isinstance(value, Listing):
        style: Literal["or", "standard"] = "or" if value.word == "or" else "standard"
        shown = format_list([_shown(item) for item in value.items], style=style, locale=_locale())
    elif isinstance(value, Country):
        shown = localized_country_name(value.code)
    elif isinstance(value, Countries):
        shown = ", ".join(localized_country_name(code) for code in value.codes)
    elif isinstance(value, datetime):
        time = format_time(value, format="short", tzinfo=UTC, locale=_locale())
        both = str(get_datetime_format("short", locale=_locale()))
        shown = f"{both.format(time, _shown(value.astimezone(UTC).date()))} UTC"
    elif isinstance(value, date):
        shown = format_date(value, format="long", locale=_locale())
    elif isinstance(value, int):
        shown = format_decimal(value, locale=_locale())
    else:
        shown = str(value)
    return shown


def _locale() -> str:
    """British English: the day before the month, and no comma before the last item of a list."""
    language = (get_language() or "en").replace("-", "_")
    return "en_GB" if language == "en" else language
