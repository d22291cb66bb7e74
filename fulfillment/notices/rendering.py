"""Render the email of a notice in the recipient's language, as text and HTML, with links to one host only."""

import hashlib
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from config.custom_content import MAIL, texts_of
from fulfillment.notices import secrets
from fulfillment.notices.contexts import MessageContext
from fulfillment.notices.messages import Message, write_message
from fulfillment.notices.models import Notice, Recipient

# Unsolicited emails have a link to unsubscribe.
UNSOLICITED = frozenset({Notice.Template.INVITATION, Notice.Template.REMINDER, Notice.Template.NOW_ELIGIBLE})


@dataclass(frozen=True)
class ComposedEmail:
    """An email ready to send, and its message, which is stored."""

    email: EmailMultiAlternatives
    message: Message


def compose_email(notice: Notice, recipient: Recipient | None = None) -> ComposedEmail:
    """Compose the email of a notice.

    Args: recipient: the maintainer's phrase and language, if set.
    """
    with translation.override(
        recipient.language if recipient and recipient.language else settings.LANGUAGE_CODE
    ):
        return _compose(notice, phrase=recipient.phrase if recipient else "")


def _compose(notice: Notice, *, phrase: str) -> ComposedEmail:
    host = urlsplit(settings.SITE_URL).netloc
    context: MessageContext = notice.context | {
        "username": notice.account.username,
        "claim_code": notice.claim_code,
        "host": host,
    }
    if notice.secret is not None:
        context["code"] = secrets.decrypt_secret(bytes(notice.secret))
    message = with_staff_additions(write_message(notice.template, context), notice.template)
    unsubscribe = unsubscribe_link(notice.account_id) if notice.template in UNSOLICITED else ""
    shown = {
        "message": message,
        "username": notice.account.username,
        "host": host,
        "link": settings.SITE_URL + _path(notice),
        "unsubscribe_link": unsubscribe,
        "phrase": phrase,
        "language": translation.get_language(),
    }
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=render_to_string("notices/mail.txt", shown),
        to=[notice.account.email],
        headers=_headers(notice, host=host, unsubscribe=unsubscribe),
    )
    email.attach_alternative(render_to_string("notices/mail.html", shown).lstrip(), "text/html")
    return ComposedEmail(email, message)


def with_staff_additions(message: Message, template: str) -> Message:
    """Append the paragraphs that staff add to every email of this template, in the active language."""
    added = texts_of(f"{MAIL}{template}", translation.get_language() or settings.LANGUAGE_CODE).get("", "")
    paragraphs = tuple(" ".join(part.split()) for part in added.split("\n\n") if part.strip())
    return replace(message, paragraphs=(*message.paragraphs, *paragraphs)) if paragraphs else message


def _path(notice: Notice) -> str:
    if notice.template == Notice.Template.APPEAL_ANSWERED and not notice.context["granted"]:
        return reverse("standing:page")
    return reverse("claims:claim", args=[notice.claim_code]) if notice.claim_code else reverse("claims:start")


def _headers(notice: Notice, *, host: str, unsubscribe: str) -> dict[str, str]:
    headers = {
        "Message-ID": f"<{hashlib.sha256(notice.key.encode()).hexdigest()[:32]}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    if unsubscribe:
        headers["List-Unsubscribe"] = f"<{unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def unsubscribe_link(account_id: int) -> str:
    """The page where a maintainer unsubscribes without signing in."""
    return settings.SITE_URL + reverse("my_data:no_thanks", args=[secrets.link_token(account_id)])
