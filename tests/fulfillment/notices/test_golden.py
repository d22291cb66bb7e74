"""Every mail in every language, as it was last read by a person.

KEYDESK_GOLDEN=write writes the files anew; then read the difference before it is committed.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from django.conf import settings

from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.rendering import compose_email
from roster.models import Account
from tests.fulfillment.notices.examples import queue_example

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
LANGUAGES = [code for code, _ in settings.LANGUAGES]


@pytest.fixture
def account() -> Account:
    # A number of its own, for the no-thanks link is signed over it.
    return Account.objects.create(
        pk=4711,
        username="m-owner",
        email="owner@example.org",
        has_totp=False,
        has_webauthn=False,
        two_factor_observed_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


def written(account: Account, template: Notice.Template, language: str) -> dict[str, str]:
    """The mail by the ending of its file."""
    queue_example(template, account_id=account.pk, claim_code="C-0123456789AB", now=NOW)
    mail = compose_email(Notice.objects.get(), Recipient(phrase="two green herons", language=language)).email
    html = cast(str, mail.alternatives[0][0])
    return {"txt": f"Subject: {mail.subject}\n\n{mail.body}", "html": html}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", list(Notice.Template))
def test_a_mail_reads_as_its_golden_file(account: Account, template: Notice.Template, language: str) -> None:
    for ending, text in written(account, template, language).items():
        path = GOLDEN / language / f"{template.value}.{ending}"
        if os.environ.get("KEYDESK_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), path


def test_there_is_a_golden_file_of_every_mail_in_every_language_and_no_other() -> None:
    wanted = {
        f"{language}/{template.value}.{ending}"
        for language in LANGUAGES
        for template in Notice.Template
        for ending in ("txt", "html")
    }
    assert {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.*")} == wanted


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
@pytest.mark.parametrize("template", list(Notice.Template))
def test_no_sentence_of_a_mail_is_left_in_english(
    account: Account, template: Notice.Template, language: str
) -> None:
    queue_example(template, account_id=account.pk, claim_code="C-0123456789AB", now=NOW)
    notice = Notice.objects.get()
    english = compose_email(notice, Recipient(language="en")).message
    message = compose_email(notice, Recipient(language=language)).message
    for before, after in zip(
        (english.subject, english.action, *english.paragraphs, *english.steps),
        (message.subject, message.action, *message.paragraphs, *message.steps),
        strict=True,
    ):
        assert before != after or not before
