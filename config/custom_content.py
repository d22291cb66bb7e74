"""Texts that staff add to public pages and emails.

A text is never changed: a newer version replaces it, and an empty version removes it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, models, transaction

from common.errors import BadRequest, FieldError, KeydeskError
from common.triggers import append_only

LONGEST = 2_000
MAIL = "mail."
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]*", re.IGNORECASE)


@dataclass(frozen=True)
class Slot:
    """A place for a text: its name, its label, and where the text appears."""

    name: str
    label: str
    where: str


PAGE_SLOTS = (
    Slot("home.announcement", "Announcement", "At the top of the first page, unless it is empty."),
    Slot("home.lead", "First page, in place of the sentence under its heading", "On the first page."),
    Slot("home.more", "First page, below How it works", "On the first page."),
    Slot("questions.more", "Questions and answers, at the end", "On the page of questions."),
    Slot("eligibility.more", "Who may claim, at the end", "On the page that lists the rules."),
    Slot("countries.more", "Countries, at the end", "On the page about countries."),
    Slot("privacy.more", "Privacy, at the end", "On the privacy page."),
    Slot("our_mail.more", "How to recognise our emails, at the end", "On the page about our emails."),
)


class WrittenText(models.Model):
    """A version of the text of one place in one language; the highest number counts."""

    slot = models.CharField(max_length=60)
    language = models.CharField(max_length=10)
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    written_by = models.CharField(max_length=150)
    written_at = models.DateTimeField()

    class Meta:
        app_label = "config"
        constraints = [
            models.UniqueConstraint(fields=["slot", "language", "number"], name="texts_follow_each_other"),
        ]
        triggers = append_only("written_texts")


class TextChanged(KeydeskError):
    """The texts of this place were changed concurrently; nothing was written."""

    code = "text_changed"

    def __init__(self) -> None:
        super().__init__(
            "Someone else has changed these texts since you opened the page. Reload it, then decide."
        )


def texts_of(prefix: str, language: str) -> dict[str, str]:
    """The texts of a page (`home`) or of a kind of email (`mail.shipped`), by the rest of their slot.

    A text missing in this language is returned in the site's language. One query.
    """
    found: dict[str, str] = {}
    for row in _newest(slot__startswith=prefix, language__in={language, settings.LANGUAGE_CODE}):
        rest = row.slot.removeprefix(prefix).lstrip(".")
        if row.text and (row.language == language or rest not in found):
            found[rest] = row.text
    return found


def written_for(slot: str) -> dict[str, WrittenText]:
    """The current texts of a place, by language."""
    return {row.language: row for row in _newest(slot=slot)}


def _newest(**where: object) -> models.QuerySet[WrittenText]:
    rows = WrittenText.objects.filter(**where).order_by("slot", "language", "-number")
    return rows.distinct("slot", "language")


def write_texts(
    *, slot: str, texts: Mapping[str, str], seen: Mapping[str, int], actor: str, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the texts that differ from the current ones.

    Args:    seen: by language the number of the version shown to the author; 0 for none.
    Returns: the texts that were changed, as they were before and as they are after.
    Raises:  BadRequest: too long, or an email with a link to another site. TextChanged.
    """
    cleaned = {language: text.replace("\r\n", "\n").strip() for language, text in texts.items()}
    if problems := [error for language, text in cleaned.items() for error in _problems(slot, language, text)]:
        raise BadRequest(problems)
    standing = written_for(slot)
    before = {language: standing[language].text if language in standing else "" for language in cleaned}
    changed = [language for language, text in cleaned.items() if text != before[language]]
    if any(row.number != seen.get(language, 0) for language, row in standing.items()):
        raise TextChanged
    rows = [
        WrittenText(
            slot=slot,
            language=language,
            number=seen.get(language, 0) + 1,
            text=cleaned[language],
            written_by=actor,
            written_at=now,
        )
        for language in changed
    ]
    try:
        with transaction.atomic():
            WrittenText.objects.bulk_create(rows)
    except IntegrityError as error:
        # Two people saw the same version; the constraint admits one successor.
        if "texts_follow_each_other" not in str(error):
            raise
        raise TextChanged from None
    return {one: before[one] for one in changed}, {one: cleaned[one] for one in changed}


def _problems(slot: str, language: str, text: str) -> list[FieldError]:
    if len(text) > LONGEST:
        return [FieldError(language, "too_long", f"Use up to {LONGEST:,} characters.")]
    if "\x00" in text:
        return [FieldError(language, "unreadable", "The text contains a character that cannot be stored.")]
    host = urlsplit(settings.SITE_URL).netloc
    if slot.startswith(MAIL) and any(not _leads_to(host, link) for link in _LINK.findall(text)):
        return [
            FieldError(
                language,
                "foreign_link",
                f"Emails link to {host} and nowhere else; that is how people know them.",
            )
        ]
    return []


def _leads_to(host: str, link: str) -> bool:
    return urlsplit(link).netloc.lower() == host.lower()
