"""Email preferences of maintainers (anti-phishing phrase and language), and addresses that bounce."""

import hashlib
import unicodedata
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from common.errors import BadRequest, FieldError
from fulfillment.notices.models import Recipient

LONGEST_PHRASE = 60
SHORTEST_PHRASE = 8


def choose_phrase(*, account_id: int, phrase: str) -> str:
    """Show this phrase in every email from now on; return it as it will be shown. Empty removes the phrase.

    Raises: BadRequest: too short, too long, or not printable.
    """
    text = " ".join(unicodedata.normalize("NFC", phrase).split())
    if problem := _problem_with(text):
        raise BadRequest([FieldError("phrase", *problem)])
    _remember(account_id, phrase=text)
    return text


def _problem_with(text: str) -> tuple[str, str] | None:
    if text and len(text) < SHORTEST_PHRASE:
        return "too_short", _("Choose a few words: at least {number} characters.").format(
            number=SHORTEST_PHRASE
        )
    if len(text) > LONGEST_PHRASE:
        return "too_long", _("Use {number} characters or fewer.").format(number=LONGEST_PHRASE)
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in text):
        return "bad_character", _("This contains a character that cannot be printed. Type it by hand.")
    return None


def choose_language(*, account_id: int, language: str, only_first: bool = False) -> None:
    """Set the language of emails to a maintainer.

    Args: only_first: keep an earlier choice.
    """
    chosen = Recipient.objects.filter(account_id=account_id).values_list("language", flat=True).first()
    if chosen != language and not (only_first and chosen):
        _remember(account_id, language=language)


def mark_unreachable(*, account_id: int, email: str, now: datetime) -> None:
    """Stop emails to an address that bounces, until the roster has another one."""
    _remember(account_id, unreachable_at=now, unreachable_address=address_fingerprint(email))


def is_unreachable(recipient: Recipient | None, email: str) -> bool:
    return recipient is not None and recipient.unreachable_address == address_fingerprint(email)


def address_fingerprint(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


@transaction.atomic
def _remember(account_id: int, **values: object) -> None:
    Recipient.objects.update_or_create(account_id=account_id, defaults=values)
