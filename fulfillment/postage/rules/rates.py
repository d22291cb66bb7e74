"""Choice of the rate for a parcel."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.shipments.carrier_values import Rate


@dataclass(frozen=True)
class RateChoice:
    """The chosen rate and why; or no rate, why not, and the reason of the case."""

    rate: Rate | None
    why: str
    case: CaseReason | None = None


# International letter post gives no date and takes two to four weeks; USPS says "varies by destination".
# So it counts as four weeks.
UNPROMISED_DAYS = 28


@dataclass(frozen=True)
class RateTerms:
    """Delivery promise in days, and the highest cost without approval."""

    promised_days: int
    ceiling_cents: int


def rate_terms(
    *, promised_days: int, ceiling_cents: int, express_days: int | None = None, paid_cents: int = 0
) -> RateTerms:
    """The region's terms, or those of express, which was paid for.

    Args: express_days: the promise of express; None for standard. paid_cents: paid by the claimant for it, in
          the ceiling's currency; it raises the ceiling.
    """
    if express_days is None:
        return RateTerms(promised_days, ceiling_cents)
    return RateTerms(min(promised_days, express_days), ceiling_cents + paid_cents)


def choose_rate(
    rates: Sequence[Rate],
    *,
    promised_days: int,
    ceiling_cents: int,
    currency: str,
    carriers: Collection[str] | None = None,
    must_promise: bool = False,
) -> RateChoice:
    """Choose the rate a parcel is bought at: cheapest within the promise and under the ceiling.

    A rate without days counts as four weeks. Where no affordable rate is in time, one without days is
    chosen; one that will be late is never chosen without approval.

    Args: rates: any order; delivery_days may be None.
          promised_days: days from hand-over to delivery.
          ceiling_cents: highest rate without approval, in `currency`; other currencies are ignored.
          carriers: those that deliver there; None for any.
          must_promise: ignore rates without days, because the claimant paid for a date.
    """
    usable = [
        rate for rate in rates if rate.currency == currency and (carriers is None or rate.carrier in carriers)
    ]
    if not usable:
        return RateChoice(None, _why_none(rates, currency, carriers), CaseReason.NO_RATE)
    if must_promise:
        promising = [rate for rate in usable if rate.delivery_days is not None]
        if not promising:
            why = f"{len(usable)} rates, none of which promises a day, and express was paid for"
            return RateChoice(None, why, CaseReason.NO_RATE)
        usable = promising
    affordable = [rate for rate in usable if rate.amount_cents <= ceiling_cents]
    ways: tuple[tuple[str, Callable[[Rate], bool]], ...] = (
        (f"within {promised_days} days", lambda rate: _days(rate) <= promised_days),
        ("without a promise", lambda rate: rate.delivery_days is None),
    )
    for way, fits in ways:
        if fitting := [rate for rate in affordable if fits(rate)]:
            chosen = min(fitting, key=_price_order)
            why = f"cheapest of {len(fitting)} {way}: {_name(chosen)}"
            return RateChoice(chosen, why + _passed_over(chosen, usable))
    in_time = [rate for rate in usable if _days(rate) <= promised_days or rate.delivery_days is None]
    if not in_time:
        fastest = min(usable, key=lambda rate: (_days(rate), *_price_order(rate)))
        return RateChoice(None, f"none within {promised_days} days: {_name(fastest)}", CaseReason.NO_RATE)
    cheapest = min(in_time, key=_price_order)
    why = f"over the ceiling of {ceiling_cents} cents: {_name(cheapest)}"
    return RateChoice(None, why, CaseReason.OVER_CEILING)


def _why_none(rates: Sequence[Rate], currency: str, carriers: Collection[str] | None) -> str:
    if not rates:
        return "no carrier offered a rate"
    if all(rate.currency != currency for rate in rates):
        return f"{len(rates)} rates, none in {currency}"
    only = ", ".join(sorted(carriers or ()))
    return f"{len(rates)} rates, none of {only}, which alone deliver there"


def _passed_over(chosen: Rate, usable: Sequence[Rate]) -> str:
    """The cheapest rate that was too slow."""
    cheaper = [rate for rate in usable if rate.amount_cents < chosen.amount_cents]
    return f"; cheaper, but too slow: {_name(min(cheaper, key=_price_order))}" if cheaper else ""


def _days(rate: Rate) -> int:
    return UNPROMISED_DAYS if rate.delivery_days is None else rate.delivery_days


def _price_order(rate: Rate) -> tuple[int, int, str, str]:
    # Names come last to make the choice deterministic.
    return rate.amount_cents, _days(rate), rate.carrier, rate.service


def _name(rate: Rate) -> str:
    days = "no promise" if rate.delivery_days is None else f"{rate.delivery_days} days"
    return f"{rate.carrier} {rate.service}, {rate.amount_cents} cents, {days}"
