"""Quotes: what a claim costs beyond the free allotment with standard shipping to a sponsored region.

Amounts are integers in the currency's minor unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from common.errors import FieldError
from common.translatable import gettext_noop as _

ANYWHERE = "*"


class LineKind(StrEnum):
    EXTRA_KEYS = "extra_keys"
    SHIPPING = "shipping"
    EXPRESS = "express"


@dataclass(frozen=True)
class Prices:
    """The prices of a published price list (see `parse_prices`).

    Args: extra_key: one key beyond the allotment, at cost; None when none are sold.
          shipping: standard shipping to a region that is open but not sponsored, by country or `*`.
          express: express shipping in place of standard, by country or `*`.
          express_days: the promised delivery time of express, from hand-over to delivery.
    """

    version: str
    currency: str
    tax_behavior: str = "inclusive"
    extra_key: int | None = None
    max_extra_keys: int = 0
    shipping: Mapping[str, int] = field(default_factory=dict)
    express: Mapping[str, int] = field(default_factory=dict)
    express_days: int = 5


@dataclass(frozen=True)
class QuoteLine:
    """One priced line of a quote. `amount` is `quantity` times `unit_amount`."""

    kind: LineKind
    quantity: int
    unit_amount: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount

    @property
    def label(self) -> str:
        if self.kind is LineKind.EXTRA_KEYS:
            return _("Extra key") if self.quantity == 1 else _("Extra keys")
        return {LineKind.SHIPPING: _("Shipping"), LineKind.EXPRESS: _("Express shipping")}[self.kind]


class StoredQuoteLine(TypedDict):
    """A quote line as it is stored with a claim."""

    kind: str
    quantity: int
    unit_amount: int


@dataclass(frozen=True)
class Quote:
    """The price of a claim, line by line. Free claims have no lines and no currency."""

    lines: tuple[QuoteLine, ...] = ()
    currency: str = ""
    tax_behavior: str = ""
    prices: str = ""
    express_days: int | None = None

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def is_free(self) -> bool:
        return self.total == 0

    def as_json(self) -> list[StoredQuoteLine]:
        """The lines as they are stored with a claim."""
        return [
            {"kind": str(line.kind), "quantity": line.quantity, "unit_amount": line.unit_amount}
            for line in self.lines
        ]


def lines_from_json(lines: Sequence[StoredQuoteLine]) -> tuple[QuoteLine, ...]:
    """The lines of a stored quote."""
    return tuple(QuoteLine(LineKind(line["kind"]), line["quantity"], line["unit_amount"]) for line in lines)


FREE = Quote()


@dataclass(frozen=True)
class NotSold:
    """The reason why there is no quote: the field of the request at fault, and the remedy."""

    error: FieldError


def quote_lines(
    prices: Prices | None, *, keys: int, free_keys: int, service: str, country: str, is_sponsored: bool
) -> Quote | NotSold:
    """Quote a claim for a number of keys and a shipping service.

    Args:    prices: the list in force; None when this campaign sells nothing.
             free_keys: the campaign's allotment per claim.
             is_sponsored: whether the campaign pays for standard shipping to this country.
    Returns: a quote, with a total of 0 when everything is free; or NotSold.
    """
    lines: list[QuoteLine] = []
    extra = keys - free_keys
    if extra > 0:
        if prices is None or prices.extra_key is None or extra > prices.max_extra_keys:
            most = free_keys + (prices.max_extra_keys if prices and prices.extra_key is not None else 0)
            message = f"A claim can have up to {most} keys. This one requests {keys}."
            return NotSold(FieldError("items", "too_many", message))
        lines.append(QuoteLine(LineKind.EXTRA_KEYS, extra, prices.extra_key))
    if service == "express":
        price = _for_country(prices.express if prices else {}, country)
        if price is None:
            message = "Express shipping is not available to this country. Choose standard shipping."
            return NotSold(FieldError("service", "not_sold", message))
        lines.append(QuoteLine(LineKind.EXPRESS, 1, price))
    elif not is_sponsored:
        price = _for_country(prices.shipping if prices else {}, country)
        if price is None:
            message = "Shipping to this country is not sponsored, and cannot be bought yet."
            return NotSold(FieldError("shipping_address.country", "not_sold", message))
        lines.append(QuoteLine(LineKind.SHIPPING, 1, price))
    charged = tuple(line for line in lines if line.amount > 0)
    if not charged or prices is None:
        return Quote(express_days=prices.express_days if prices and service == "express" else None)
    return Quote(
        lines=charged,
        currency=prices.currency,
        tax_behavior=prices.tax_behavior,
        prices=prices.version,
        express_days=prices.express_days if service == "express" else None,
    )


def _for_country(table: Mapping[str, int], country: str) -> int | None:
    return table.get(country, table.get(ANYWHERE))
