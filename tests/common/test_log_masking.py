"""No log line shows personal data or a secret."""

import logging

import pytest

from common.log_masking import MaskPersonalData, mask


@pytest.mark.parametrize(
    "secret",
    [
        "somebody@example.org",
        "kd_abcdefghijklmnop",
        "EZTKabcdef0123456789",
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "whsec_abcdef",
    ],
)
def test_it_masks(secret: str) -> None:
    assert secret not in mask(f"before {secret} after")
    assert mask(f"before {secret} after").startswith("before <")


def test_it_masks_authorization_headers_and_passwords_in_addresses() -> None:
    assert "abc123" not in mask("Authorization: Bearer abc123")
    assert "hunter2" not in mask("postgresql://keydesk:hunter2@db/keydesk")


def test_it_masks_arguments_and_tracebacks() -> None:
    record = logging.LogRecord("keydesk", logging.ERROR, "", 0, "mail to %s", ("a@example.org",), None)
    try:
        raise ValueError("b@example.org")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    MaskPersonalData().filter(record)
    assert "example.org" not in record.getMessage()
    assert "example.org" not in (record.exc_text or "")
