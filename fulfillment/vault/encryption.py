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
class Encrypted:
    """A ciphertext with its nonce."""

    nonce: bytes
    ciphertext: bytes


def encrypt(key: bytes, plaintext: bytes, *, bound_to: str) -> Encrypted:
    """Encrypt with AES-256-GCM. Decrypting needs the same `bound_to`, so that rows cannot be swapped."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Encrypted(nonce, AESGCM(key).encrypt(nonce, plaintext, bound_to.encode()))


def decrypt(key: bytes, encrypted: Encrypted, *, bound_to: str) -> bytes:
    """Decrypt. Raises: cryptography.exceptions.InvalidTag: altered, or bound to something else."""
    return AESGCM(key).decrypt(encrypted.nonce, encrypted.ciphertext, bound_to.encode())


@cache
def wrapping_keys() -> Mapping[str, bytes]:
    """The key-encryption keys of the environment by id, the current one first."""
    return parse_vault_keys(settings.ENVIRONMENT.vault_keys)


def new_data_key() -> bytes:
    """A random 256-bit key."""
    return AESGCM.generate_key(bit_length=256)


def wrap(data_key: bytes, *, subject: str) -> tuple[str, bytes]:
    """Encrypt a data key. Returns: the id of the current key-encryption key, and the wrapped key."""
    key_id, key = next(iter(wrapping_keys().items()))
    encrypted = encrypt(key, data_key, bound_to=f"data key of {subject}")
    return key_id, encrypted.nonce + encrypted.ciphertext


def unwrap(wrapped: bytes, *, key_id: str, subject: str) -> bytes:
    """Decrypt a data key. Raises: UnknownWrappingKey: its wrapping key is not in VAULT_KEYS."""
    try:
        key = wrapping_keys()[key_id]
    except KeyError:
        raise UnknownWrappingKey(key_id) from None
    encrypted = Encrypted(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:])
    return decrypt(key, encrypted, bound_to=f"data key of {subject}")
