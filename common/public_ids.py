"""Public IDs: random, so that no URL reveals a count (decision 0111)."""

import secrets

# Crockford's base 32: no I, L, O or U, so a code survives being read out or typed from paper.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12  # 60 random bits: a million codes collide with a chance below 1 in 2 million.


def new_code(prefix: str) -> str:
    """A random id such as `C-7K2M9QX4T0ZB`."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"
