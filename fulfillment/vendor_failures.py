"""How a failed call of a vendor ended."""

from enum import Enum


class Failure(Enum):
    """Whether a failed call may have taken effect, and whether repeating it can help."""

    PERMANENT = "permanent"  # understood and refused; the same call will be refused again
    RETRYABLE = "retryable"  # had no effect; the same call may succeed later
    UNKNOWN = "unknown"  # may or may not have taken effect; for payments, the same key tells which
