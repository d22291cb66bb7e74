"""Encrypt secrets that are emailed and then deleted, such as sign-in codes, and create tokens for links."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@cache
def _key(purpose: bytes) -> bytes:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
    return derived.derive(settings.SECRET_KEY.encode())


def encrypt_secret(text: str) -> bytes:
    """Encrypt a secret until its email is sent."""
    return Fernet(urlsafe_b64encode(_key(b"keydesk notices: codes"))).encrypt(text.encode())


def decrypt_secret(encrypted: bytes) -> str:
    """Decrypt a secret. Raises: cryptography.fernet.InvalidToken: altered, or encrypted with another key."""
    return Fernet(urlsafe_b64encode(_key(b"keydesk notices: codes"))).decrypt(encrypted).decode()


def link_token(account_id: int) -> str:
    """A token for an account: always the same, reveals nothing about the account and cannot be forged."""
    encrypted = AESSIV(_key(b"keydesk notices: links")).encrypt(account_id.to_bytes(8), None)
    return urlsafe_b64encode(encrypted).decode()


def account_of_link(token: str) -> int | None:
    """The account of a token; None if the token is not valid."""
    try:
        account_id = AESSIV(_key(b"keydesk notices: links")).decrypt(urlsafe_b64decode(token), None)
    except (InvalidTag, ValueError):
        return None
    return int.from_bytes(account_id)
