"""Envelope encryption: documents under a data key, the data key under the newest key-encryption key."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from config.environment import parse_vault_keys
from fulfillment.vault.errors import UnknownWrappingKey

NONCE_BYTES = 12


@dataclass(frozen=True, repr=False)
class Sealed:
    nonce: bytes
    ciphertext: bytes


def encrypt(key: bytes, plaintext: bytes, *, bound_to: str) -> Sealed:
    """Encrypt with AES-256-GCM; opening needs the same `bound_to`, so no row passes for another."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, plaintext, bound_to.encode()))


def decrypt(key: bytes, sealed: Sealed, *, bound_to: str) -> bytes:
    """Raises: cryptography.exceptions.InvalidTag: altered, or bound to something else."""
    return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, bound_to.encode())


@cache
def wrapping_keys() -> Mapping[str, bytes]:
    """The key-encryption keys of the environment by id, the current one first."""
    return parse_vault_keys(settings.ENVIRONMENT.vault_keys)


def new_data_key() -> bytes:
    return AESGCM.generate_key(bit_length=256)


def wrap(data_key: bytes, *, subject: str) -> tuple[str, bytes]:
    """The id of the current key-encryption key and the data key encrypted under it."""
    key_id, key = next(iter(wrapping_keys().items()))
    sealed = encrypt(key, data_key, bound_to=f"data key of {subject}")
    return key_id, sealed.nonce + sealed.ciphertext


def unwrap(wrapped: bytes, *, key_id: str, subject: str) -> bytes:
    """Raises: UnknownWrappingKey: the environment no longer holds the key it is wrapped by."""
    try:
        key = wrapping_keys()[key_id]
    except KeyError:
        raise UnknownWrappingKey(key_id) from None
    sealed = Sealed(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:])
    return decrypt(key, sealed, bound_to=f"data key of {subject}")
