"""Settings of the stand-in that can change while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

from sandbox.easypost.settings import BadSetting
from sandbox.vendor_json import Json


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """Defaults are a well-behaved vendor.

    async_days, async_outcome: when a delayed payment is decided, and how (succeeded or failed).
    refund_status, refund_days: what a new refund is, and when one that is pending has arrived.
    balance_lag_seconds: how much later than a charge its line of the books is there.
    old_secret_seconds: how long after a new secret the old one signs as well.
    webhook_retry_seconds: pauses before each repeat of a failed delivery; here, over about three days.
    """

    async_days: int = 3
    async_outcome: str = "succeeded"
    refund_status: str = "succeeded"
    refund_days: int = 5
    balance_lag_seconds: int = 0
    evidence_days: int = 7
    dispute_fee: int = 1500
    old_secret_seconds: int = 86_400
    webhook_timeout_seconds: float = 7.0
    webhook_concurrency: int = 8
    webhook_retry_seconds: list[int] = field(
        default_factory=lambda: [60, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400]
    )

    def changed(self, values: Json) -> StripeSettings:
        """A copy with `values` applied. Raises BadSetting, naming the problem."""
        known = {item.name for item in fields(self)}
        if unknown := sorted(set(values) - known):
            raise BadSetting(f"unknown setting {', '.join(unknown)}")
        for name, value in values.items():
            if type(value) is not type(getattr(self, name)) and not (
                isinstance(getattr(self, name), float) and isinstance(value, int)
            ):
                raise BadSetting(f"{name} cannot be {value!r}")
        changed = replace(self, **values)
        if changed.async_outcome not in ("succeeded", "failed"):
            raise BadSetting("async_outcome is out of range")
        if changed.refund_status not in ("succeeded", "pending", "requires_action"):
            raise BadSetting("refund_status is out of range")
        return changed

    def to_json(self) -> Json:
        return asdict(self)
