"""Errors of the vault."""

from common.errors import KeydeskError


class VaultError(KeydeskError):
    code = "vault"


class Shredded(VaultError):
    """The requested document was shredded, or never existed."""

    code = "shredded"

    def __init__(self, subject: str) -> None:
        super().__init__(f"Nothing is held for {subject} any more.")


class UnknownWrappingKey(VaultError):
    """A data key is wrapped by a key that is not in VAULT_KEYS."""

    code = "unknown_wrapping_key"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"VAULT_KEYS has no key {key_id!r}; add it back, or restore it from the safe.")
