"""Parse the JSON document of a price list, and report every field that is not valid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common.errors import Problem
from fulfillment.claims.money import CURRENCIES
from fulfillment.claims.rules.quotes import ANYWHERE, Prices

MOST_EXTRA_KEYS = 20
TAX_BEHAVIORS = ("inclusive", "exclusive", "unspecified")


@dataclass(frozen=True)
class PublishedPrices:
    """Prices with the period in which they are in force."""

    prices: Prices
    valid_from: datetime
    valid_until: datetime | None


_FIELDS = {
    "version", "currency", "tax_behavior", "extra_key", "max_extra_keys", "shipping", "express",
    "express_days", "valid_from", "valid_until",
}  # fmt: skip


def parse_prices(document: object) -> tuple[PublishedPrices | None, list[Problem]]:
    """Parse a price list. Returns: the list, or all its problems.

    A document is `{"version", "currency", "tax_behavior"?, "extra_key"?, "max_extra_keys"?, "shipping"?,
    "express"?, "express_days"?, "valid_from", "valid_until"?}`: amounts in minor units of the currency,
    `shipping` and `express` by country with `*` for all others.
    """
    if not isinstance(document, dict):
        return None, [Problem("A price list must be a JSON object.")]
    problems = [Problem("Unknown field.", field=str(name)) for name in sorted(set(document) - _FIELDS)]
    currency = CURRENCIES.get(str(document.get("currency")))
    if currency is None:
        known = ", ".join(sorted(CURRENCIES))
        problems.append(
            Problem("Not a currency we can charge.", field="currency", remedy=f"Use one of: {known}.")
        )
    version = document.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= 50:
        problems.append(Problem("Enter a name of up to 50 characters.", field="version"))
    tax_behavior = document.get("tax_behavior", "inclusive")
    if tax_behavior not in TAX_BEHAVIORS:
        problems.append(Problem(f"Must be one of: {', '.join(TAX_BEHAVIORS)}.", field="tax_behavior"))
    problems += _amount_problems(document, currency.code if currency else None)
    problems += _count_problem(document, "max_extra_keys", at_least=0, at_most=MOST_EXTRA_KEYS)
    problems += _count_problem(document, "express_days", at_least=1, at_most=60)
    if document.get("extra_key") is not None and not document.get("max_extra_keys"):
        problems.append(
            Problem("The number of extra keys is missing.", field="max_extra_keys", remedy="Enter a number.")
        )
    valid_from, valid_until = _time(document, "valid_from"), _time(document, "valid_until")
    if valid_from is None:
        problems.append(Problem("Enter a time with its UTC offset.", field="valid_from"))
    if document.get("valid_until") is not None and valid_until is None:
        problems.append(Problem("Enter a time with its UTC offset.", field="valid_until"))
    if valid_from and valid_until and valid_until <= valid_from:
        problems.append(Problem("The end must be after the start.", field="valid_until"))
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


def _amount_problems(document: Mapping[str, object], currency: str | None) -> list[Problem]:
    given: list[tuple[str, object]] = []
    problems: list[Problem] = []
    if document.get("extra_key") is not None:
        given.append(("extra_key", document["extra_key"]))
    for name in ("shipping", "express"):
        table = document.get(name, {})
        if not isinstance(table, dict):
            problems.append(Problem("Must be an object of amounts by country.", field=name))
            continue
        for country, amount in table.items():
            if country != ANYWHERE and not _is_country(country):
                problems.append(Problem("Not a valid country code.", field=f"{name}.{country}"))
            given.append((f"{name}.{country}", amount))
    return problems + [
        problem for name, amount in given if (problem := _amount_problem(name, amount, currency))
    ]


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isascii() and code.isupper() and code.isalpha()


def _amount_problem(name: str, amount: object, code: str | None) -> Problem | None:
    """Zero is a valid price; less than can be charged, or more than anything costs, is a mistake."""
    if type(amount) is not int:
        return Problem("An amount must be a whole number of minor units.", field=name)
    if code is None or amount == 0:
        return None
    currency = CURRENCIES[code]
    if amount < 0:
        return Problem("A price cannot be negative.", field=name)
    if amount % currency.step:
        return Problem(f"Amounts in {code} must be multiples of {currency.step}.", field=name)
    if not currency.smallest <= amount <= currency.largest:
        return Problem(
            f"{amount} is outside the accepted range for {code}.",
            field=name,
            remedy=f"Enter {currency.smallest} to {currency.largest} minor units, or 0.",
        )
    return None


def _count_problem(
    document: Mapping[str, object], name: str, *, at_least: int, at_most: int
) -> list[Problem]:
    value = document.get(name, at_least)
    if type(value) is int and at_least <= value <= at_most:
        return []
    return [Problem(f"Enter a whole number from {at_least} to {at_most}.", field=name)]


def _time(document: Mapping[str, object], name: str) -> datetime | None:
    value = document.get(name)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
