"""Masking of personal data and secrets in every log line."""

import logging
import re

MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<mail>"),
    (re.compile(r"\bkd_[A-Za-z0-9_-]+"), "<token>"),
    (re.compile(r"\bEZ[AT]K[\w-]+"), "<easypost key>"),
    (re.compile(r"\b(Bearer|Basic) [\w.=+/:-]+"), r"\1 <masked>"),
    (re.compile(r"\b(sk|rk|whsec)_[A-Za-z0-9_]+"), "<stripe key>"),
    (re.compile(r"://[^\s/@]+:[^\s/@]+@"), "://<masked>@"),
)


def mask(text: str) -> str:
    """The text without email addresses, tokens, API keys and passwords."""
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return text


class MaskPersonalData(logging.Filter):
    """Masks the finished message, exception text included, before any handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        return True
