"""Public ids as EasyPost makes them: a prefix that names the class, and 32 hex digits."""

from __future__ import annotations

import base64
import hashlib
import os


def new_easypost_id(prefix: str) -> str:
    return f"{prefix}_{os.urandom(16).hex()}"


def fixed_id(prefix: str, name: str) -> str:
    """An id derived from a name, the same in every run, for objects that exist from the start."""
    return f"{prefix}_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def stable_number(*parts: str) -> int:
    """A large number that depends on the parts and nothing else."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def public_tracking_url(tracker_id: str) -> str:
    token = base64.b64encode(f"v1:{tracker_id}".encode()).decode().rstrip("=")
    return f"https://track.easypost.com/{token}"


def usps_tracking_code(serial: int) -> str:
    """A domestic USPS code: 21 digits and their mod-10 check digit."""
    digits = f"9400100{serial:014d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


def upu_tracking_code(serial: int) -> str:
    """An international postal item (UPU S10): two letters, eight digits, check digit, country."""
    digits = f"{serial % 10**8:08d}"
    weighted = sum(
        int(digit) * weight for digit, weight in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)
    )
    check = {10: 0, 11: 5}.get(11 - weighted % 11, 11 - weighted % 11)
    return f"LZ{digits}{check}US"


def tracking_code(carrier: str, serial: int, *, is_international: bool) -> str:
    if carrier == "USPS":
        return upu_tracking_code(serial) if is_international else usps_tracking_code(serial)
    if carrier == "UPS":
        return f"1Z999AA1{serial:010d}"
    if carrier == "FedEx":
        return f"79{serial:010d}"
    return f"{serial % 10**10:010d}"
