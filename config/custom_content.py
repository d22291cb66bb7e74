"""Words that staff put on public pages and into mails, beside those that come with the code.

A text is never changed: another is written after it, and the newest counts. An empty one takes it away.
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
    """A place that takes a text: its name, what it is called, and where its words are read."""

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
    """What staff wrote for one place in one language; the highest number of the two counts."""

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
    """Somebody wrote for this place meanwhile; nothing was changed."""

    code = "text_changed"

    def __init__(self) -> None:
        super().__init__(
            "Someone else has changed these texts since you opened the page. Reload it, then decide."
        )


def texts_of(prefix: str, language: str) -> dict[str, str]:
    """The texts of a page (`home`) or of a mail's kind (`mail.shipped`), by the rest of their slot.

    What nobody wrote in this language is given in the site's own. One query.
    """
    found: dict[str, str] = {}
    for row in _newest(slot__startswith=prefix, language__in={language, settings.LANGUAGE_CODE}):
        rest = row.slot.removeprefix(prefix).lstrip(".")
        if row.text and (row.language == language or rest not in found):
            found[rest] = row.text
    return found


def written_for(slot: str) -> dict[str, WrittenText]:
    """What counts in a place, by language."""
    return {row.language: row for row in _newest(slot=slot)}


def _newest(**where: object) -> models.QuerySet[WrittenText]:
    rows = WrittenText.objects.filter(**where).order_by("slot", "language", "-number")
    return rows.distinct("slot", "language")


def write_texts(
    *, slot: str, texts: Mapping[str, str], seen: Mapping[str, int], actor: str, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Write what differs, in the languages where it does.

    Args:    seen: by language the number of the text that whoever writes had before them; 0 for none.
    Returns: the texts that were changed, as they were before and as they are after.
    Raises:  BadRequest: too long, or a mail with a link to somewhere else. TextChanged.
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
        # Two people had the same text before them; the constraint lets one follow it.
        if "texts_follow_each_other" not in str(error):
            raise
        raise TextChanged from None
    return {one: before[one] for one in changed}, {one: cleaned[one] for one in changed}


def _problems(slot: str, language: str, text: str) -> list[FieldError]:
    if len(text) > LONGEST:
        return [FieldError(language, "too_long", f"Use up to {LONGEST:,} characters.")]
    if "\x00" in text:
        return [FieldError(language, "unreadable", "There is a character in it that cannot be kept.")]
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
