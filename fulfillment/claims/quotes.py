"""What a claim costs: the campaign's allotment with standard shipping to a sponsored region is free.

Pure: a price list and the wish go in, a quote comes out. Amounts are integers in the currency's minor unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.errors import FieldError, Problem
from common.translatable import gettext_noop as _
from fulfillment.claims.money import CURRENCIES

ANYWHERE = "*"
MOST_EXTRA_KEYS = 20
TAX_BEHAVIORS = ("inclusive", "exclusive", "unspecified")


class LineKind(StrEnum):
    EXTRA_KEYS = "extra_keys"
    SHIPPING = "shipping"
    EXPRESS = "express"


@dataclass(frozen=True)
class Prices:
    """A price list as it is published (see `parse_prices`).

    Args: extra_key: one key beyond the allotment, at cost; None when none are sold.
          shipping: standard shipping to a region that is open but not sponsored, by country or `*`.
          express: express shipping in place of standard, by country or `*`.
          express_days: what express promises, from hand-over to the door.
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
    """One thing that costs something. `amount` is `quantity` times `unit_amount`."""

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


@dataclass(frozen=True)
class Quote:
    """What a claim costs, line by line. Free claims have no lines and no currency."""

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

    def as_json(self) -> list[dict[str, Any]]:
        """The lines as they are frozen in a claim."""
        return [
            {"kind": str(line.kind), "quantity": line.quantity, "unit_amount": line.unit_amount}
            for line in self.lines
        ]


def lines_from_json(lines: Sequence[Mapping[str, Any]]) -> tuple[QuoteLine, ...]:
    """The lines of a frozen quote."""
    return tuple(
        QuoteLine(LineKind(line["kind"]), int(line["quantity"]), int(line["unit_amount"])) for line in lines
    )


FREE = Quote()


@dataclass(frozen=True)
class NotSold:
    """Why there is no quote: the field of the wish at fault, and the remedy."""

    error: FieldError


def quote_lines(
    prices: Prices | None, *, keys: int, free_keys: int, service: str, country: str, is_sponsored: bool
) -> Quote | NotSold:
    """What a claim of so many keys, sent so, costs.

    Args:    prices: the list in force; None when this campaign sells nothing.
             free_keys: the campaign's allotment per claim.
             is_sponsored: whether standard shipping to this country is paid for by the campaign.
    Returns: a quote, with a total of 0 when nothing costs anything; or what is not sold here.
    """
    lines: list[QuoteLine] = []
    extra = keys - free_keys
    if extra > 0:
        if prices is None or prices.extra_key is None or extra > prices.max_extra_keys:
            most = free_keys + (prices.max_extra_keys if prices and prices.extra_key is not None else 0)
            message = f"A claim holds up to {most} keys; this one asks for {keys}."
            return NotSold(FieldError("items", "too_many", message))
        lines.append(QuoteLine(LineKind.EXTRA_KEYS, extra, prices.extra_key))
    if service == "express":
        price = _for_country(prices.express if prices else {}, country)
        if price is None:
            message = "There is no express shipping to this country. Choose standard shipping."
            return NotSold(FieldError("service", "not_sold", message))
        lines.append(QuoteLine(LineKind.EXPRESS, 1, price))
    elif not is_sponsored:
        price = _for_country(prices.shipping if prices else {}, country)
        if price is None:
            message = "Shipping to this country is not sponsored, and we cannot sell it yet."
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


@dataclass(frozen=True)
class PublishedPrices:
    """A price list with the time it holds."""

    prices: Prices
    valid_from: datetime
    valid_until: datetime | None


_FIELDS = {
    "version", "currency", "tax_behavior", "extra_key", "max_extra_keys", "shipping", "express",
    "express_days", "valid_from", "valid_until",
}  # fmt: skip


def parse_prices(document: object) -> tuple[PublishedPrices | None, list[Problem]]:
    """Read a price list; the list, or everything that is wrong with it.

    A document is `{"version", "currency", "tax_behavior"?, "extra_key"?, "max_extra_keys"?, "shipping"?,
    "express"?, "express_days"?, "valid_from", "valid_until"?}`: amounts in minor units of the currency,
    `shipping` and `express` by country with `*` for all others.
    """
    if not isinstance(document, dict):
        return None, [Problem("A price list is an object.")]
    problems = [
        Problem("There is no such field.", field=str(name)) for name in sorted(set(document) - _FIELDS)
    ]
    currency = CURRENCIES.get(str(document.get("currency")))
    if currency is None:
        known = ", ".join(sorted(CURRENCIES))
        problems.append(
            Problem("This is no currency we can charge.", field="currency", remedy=f"One of {known}.")
        )
    version = document.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= 50:
        problems.append(Problem("A name of up to 50 characters is needed.", field="version"))
    tax_behavior = document.get("tax_behavior", "inclusive")
    if tax_behavior not in TAX_BEHAVIORS:
        problems.append(Problem(f"One of {', '.join(TAX_BEHAVIORS)}.", field="tax_behavior"))
    problems += _amount_problems(document, currency.code if currency else None)
    problems += _count_problem(document, "max_extra_keys", at_least=0, at_most=MOST_EXTRA_KEYS)
    problems += _count_problem(document, "express_days", at_least=1, at_most=60)
    if document.get("extra_key") is not None and not document.get("max_extra_keys"):
        problems.append(Problem("How many may be bought?", field="max_extra_keys", remedy="Give a number."))
    valid_from, valid_until = _time(document, "valid_from"), _time(document, "valid_until")
    if valid_from is None:
        problems.append(Problem("A time with its offset is needed.", field="valid_from"))
    if document.get("valid_until") is not None and valid_until is None:
        problems.append(Problem("A time with its offset is needed.", field="valid_until"))
    if valid_from and valid_until and valid_until <= valid_from:
        problems.append(Problem("It ends before it begins.", field="valid_until"))
    if problems or valid_from is None or currency is None:
        return None, problems
    prices = Prices(
        version=str(version),
        currency=currency.code,
        tax_behavior=str(tax_behavior),
        extra_key=document.get("extra_key"),
        max_extra_keys=document.get("max_extra_keys", 0),
        shipping=dict(document.get("shipping", {})),
        express=dict(document.get("express", {})),
        express_days=document.get("express_days", 5),
    )
    return PublishedPrices(prices, valid_from, valid_until), []


def _amount_problems(document: Mapping[str, Any], currency: str | None) -> list[Problem]:
    given: list[tuple[str, object]] = []
    problems: list[Problem] = []
    if document.get("extra_key") is not None:
        given.append(("extra_key", document["extra_key"]))
    for name in ("shipping", "express"):
        table = document.get(name, {})
        if not isinstance(table, dict):
            problems.append(Problem("This is an object of amounts by country.", field=name))
            continue
        for country, amount in table.items():
            if country != ANYWHERE and not _is_country(country):
                problems.append(Problem("This is no country code.", field=f"{name}.{country}"))
            given.append((f"{name}.{country}", amount))
    return problems + [
        problem for name, amount in given if (problem := _amount_problem(name, amount, currency))
    ]


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isascii() and code.isupper() and code.isalpha()


def _amount_problem(name: str, amount: object, code: str | None) -> Problem | None:
    """Nought is a price (a gift); less than can be charged, or more than anything costs, is a mistake."""
    if type(amount) is not int:
        return Problem("An amount is a whole number of minor units.", field=name)
    if code is None or amount == 0:
        return None
    currency = CURRENCIES[code]
    if amount < 0:
        return Problem("A price cannot be negative.", field=name)
    if amount % currency.step:
        return Problem(f"In {code} amounts are multiples of {currency.step}.", field=name)
    if not currency.smallest <= amount <= currency.largest:
        return Problem(
            f"{amount} is no likely price in {code}.",
            field=name,
            remedy=f"Between {currency.smallest} and {currency.largest} minor units, or 0.",
        )
    return None


def _count_problem(document: Mapping[str, Any], name: str, *, at_least: int, at_most: int) -> list[Problem]:
    value = document.get(name, at_least)
    if type(value) is int and at_least <= value <= at_most:
        return []
    return [Problem(f"A whole number from {at_least} to {at_most}.", field=name)]


def _time(document: Mapping[str, Any], name: str) -> datetime | None:
    value = document.get(name)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
