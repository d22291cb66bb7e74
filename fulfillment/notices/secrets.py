"""What a mail carries and nobody keeps, such as a sign-in code, and links that say who without saying it."""

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


def seal_secret(text: str) -> bytes:
    return Fernet(urlsafe_b64encode(_key(b"keydesk notices: codes"))).encrypt(text.encode())


def unseal_secret(sealed: bytes) -> str:
    """Raises: cryptography.fernet.InvalidToken: altered, or sealed under another SECRET_KEY."""
    return Fernet(urlsafe_b64encode(_key(b"keydesk notices: codes"))).decrypt(sealed).decode()


def link_token(account_id: int) -> str:
    """The same for the same account, always; from it nobody learns a number, nor makes another's."""
    sealed = AESSIV(_key(b"keydesk notices: links")).encrypt(account_id.to_bytes(8), None)
    return urlsafe_b64encode(sealed).decode()


def account_of_link(token: str) -> int | None:
    """The account a token was made for; None for one that we did not make."""
    try:
        opened = AESSIV(_key(b"keydesk notices: links")).decrypt(urlsafe_b64decode(token), None)
    except (InvalidTag, ValueError):
        return None
    return int.from_bytes(opened)
