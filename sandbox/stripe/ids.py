"""Ids as Stripe makes them: a prefix that names the class, then letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
# How long the part after the prefix is, and what it starts with.
_SHAPES = {
    "cs_test": ("a1", 58),
    "cs_live": ("a1", 58),
    "pi": ("3", 24),
    "ch": ("3", 24),
    "re": ("3", 24),
    "txn": ("3", 24),
    "du": ("1", 24),
    "evt": ("1", 24),
    "we": ("1", 24),
    "li": ("1", 24),
    "price": ("1", 24),
    "prod": ("", 14),
    "pm": ("1", 24),
    "req": ("", 14),
}


def new_stripe_id(prefix: str) -> str:
    start, length = _SHAPES[prefix]
    rest = "".join(secrets.choice(_ALPHABET) for _ in range(length - len(start)))
    return f"{prefix}_{start}{rest}"


def new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(24).replace('-', 'x').replace('_', 'y')}"
