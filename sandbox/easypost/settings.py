"""Settings of the stand-in that can change while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

from sandbox.vendor_json import Json

JOURNEYS = ("test", "realistic")
CLAIM_OUTCOMES = ("approved", "approved_partial", "rejected", "needs_action")


class BadSetting(ValueError):
    """An unknown setting or an invalid value."""


@dataclass(frozen=True, slots=True)
class EasyPostSettings:
    """Defaults are a well-behaved vendor in test mode.

    journey: `test` moves a parcel one step a minute, `realistic` over days.
    share_lost, share_returned, share_held: of all parcels on realistic journeys.
    wallet_cents: prepaid money; None never runs out. blocked_countries: no carrier goes there.
    refund_days, refund_outcome: when a submitted refund settles, and how.
    claim_days, claim_outcome: when an insurance claim is decided, and how: `approved`, `approved_partial`
        (half of it), `rejected`, or `needs_action`, which waits for good.
    label_url_seconds: how long a label file can be fetched; None for ever.
    rate_seconds: how old a rate may be when it is bought; None any age.
    scan_form_seconds, scan_form_outcome: how long a scan form takes, and `created` or `failed`.
    buy_seconds: wall time a purchase takes; a second buy meanwhile is told it is in progress.
    one_label_a_shipment: without it a shipment is bought as often as it is asked for, which EasyPost never
        does; tests take it away to see that they would notice.
    webhook_retry_seconds: pauses before each repeat of a failed delivery.
    """

    journey: str = "test"
    seed: int = 0
    share_lost: float = 0.0
    share_returned: float = 0.0
    share_held: float = 0.0
    wallet_cents: int | None = None
    blocked_countries: list[str] = field(default_factory=lambda: ["KP", "SY", "CU", "IR"])
    international_verification: bool = True
    reference_lookup: str = "newest"
    refund_days: int = 15
    refund_outcome: str = "refunded"
    claim_days: int = 5
    claim_outcome: str = "approved"
    label_dpi: int = 203
    label_url_seconds: int | None = None
    rate_seconds: int | None = None
    scan_form_seconds: int = 0
    scan_form_outcome: str = "created"
    buy_seconds: float = 0.0
    one_label_a_shipment: bool = True
    event_lag_seconds: int = 60
    webhook_timeout_seconds: float = 7.0
    webhook_concurrency: int = 8
    # 1 min, 5 min, 30 min, 2 h, 6 h, 15 h: six repeats in just under 24 hours.
    webhook_retry_seconds: list[int] = field(default_factory=lambda: [60, 300, 1800, 7200, 21600, 54000])

    def changed(self, values: Json) -> EasyPostSettings:
        """A copy with `values` applied. Raises BadSetting, naming the problem."""
        known = {item.name: str(item.type) for item in fields(self)}
        if unknown := sorted(set(values) - set(known)):
            raise BadSetting(f"unknown setting {', '.join(unknown)}")
        for name, value in values.items():
            if not _is_of_type(value, known[name]):
                raise BadSetting(f"{name} must be {known[name]}, not {value!r}")
        changed = replace(self, **values)
        changed.check()
        return changed

    def check(self) -> None:
        shares = (self.share_lost, self.share_returned, self.share_held)
        choices = [
            ("journey", self.journey in JOURNEYS),
            ("reference_lookup", self.reference_lookup in ("newest", "oldest")),
            ("refund_outcome", self.refund_outcome in ("refunded", "rejected")),
            ("claim_outcome", self.claim_outcome in CLAIM_OUTCOMES),
            ("scan_form_outcome", self.scan_form_outcome in ("created", "failed")),
            ("label_dpi", self.label_dpi in (203, 300)),
            ("share_lost, share_returned, share_held", min(shares) >= 0 and sum(shares) <= 1),
            ("webhook_concurrency", self.webhook_concurrency >= 1),
        ]
        for name, is_right in choices:
            if not is_right:
                raise BadSetting(f"{name} is out of range")

    def to_json(self) -> Json:
        return asdict(self)


def _is_of_type(value: object, annotation: str) -> bool:
    """Whether a JSON value fits one of the annotations above."""
    if value is None:
        return annotation.endswith("| None")
    if isinstance(value, bool):
        return annotation == "bool"
    if isinstance(value, list):
        inner = annotation.removeprefix("list[").removesuffix("]")
        return annotation.startswith("list[") and all(_is_of_type(item, inner) for item in value)
    accepted: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float)}
    return isinstance(value, accepted.get(annotation.removesuffix(" | None"), ()))
