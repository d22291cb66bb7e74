"""The mail of a notice: its letter in the recipient's language, as text and HTML, links of one host only."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from config.custom_content import MAIL, texts_of
from fulfillment.notices import secrets
from fulfillment.notices.messages import Letter, write_message
from fulfillment.notices.models import Notice, Recipient

# Mails that begin a conversation say how to end it.
UNASKED = frozenset({Notice.Template.INVITATION, Notice.Template.REMINDER, Notice.Template.NOW_ELIGIBLE})


@dataclass(frozen=True)
class Composed:
    """The mail as it leaves, and the letter in it, of which a copy is kept."""

    mail: EmailMultiAlternatives
    letter: Letter


def compose(notice: Notice, recipient: Recipient | None = None) -> Composed:
    """Args: recipient: what the maintainer told us about writing to them, if anything."""
    with translation.override(
        recipient.language if recipient and recipient.language else settings.LANGUAGE_CODE
    ):
        return _compose(notice, phrase=recipient.phrase if recipient else "")


def _compose(notice: Notice, *, phrase: str) -> Composed:
    host = urlsplit(settings.SITE_URL).netloc
    context: dict[str, Any] = {
        **notice.context,
        "username": notice.account.username,
        "claim_code": notice.claim_code,
        "host": host,
    }
    if notice.secret is not None:
        context["code"] = secrets.unseal_secret(bytes(notice.secret))
    letter = with_staffs_words(write_message(notice.template, context), notice.template)
    no_thanks = no_thanks_link(notice.account_id) if notice.template in UNASKED else ""
    shown = {
        "letter": letter,
        "username": notice.account.username,
        "host": host,
        "link": settings.SITE_URL + _path(notice),
        "no_thanks_link": no_thanks,
        "phrase": phrase,
        "language": translation.get_language(),
    }
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=render_to_string("notices/mail.txt", shown),
        to=[notice.account.email],
        headers=_headers(notice, host=host, no_thanks=no_thanks),
    )
    mail.attach_alternative(render_to_string("notices/mail.html", shown).lstrip(), "text/html")
    return Composed(mail, letter)


def with_staffs_words(letter: Letter, template: str) -> Letter:
    """The letter with what staff have to add to all of its kind, in the active language."""
    added = texts_of(f"{MAIL}{template}", translation.get_language() or settings.LANGUAGE_CODE).get("", "")
    paragraphs = tuple(" ".join(part.split()) for part in added.split("\n\n") if part.strip())
    return replace(letter, paragraphs=(*letter.paragraphs, *paragraphs)) if paragraphs else letter


def _path(notice: Notice) -> str:
    if notice.template == Notice.Template.APPEAL_ANSWERED and not notice.context["granted"]:
        return reverse("standing:page")
    return reverse("claims:claim", args=[notice.claim_code]) if notice.claim_code else reverse("claims:start")


def _headers(notice: Notice, *, host: str, no_thanks: str) -> dict[str, str]:
    headers = {
        "Message-ID": f"<{hashlib.sha256(notice.key.encode()).hexdigest()[:32]}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    if no_thanks:
        headers["List-Unsubscribe"] = f"<{no_thanks}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def no_thanks_link(account_id: int) -> str:
    """Where somebody says that they want to hear nothing more, without signing in."""
    return settings.SITE_URL + reverse("my_data:no_thanks", args=[secrets.link_token(account_id)])
