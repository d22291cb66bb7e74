"""Money in minor units (decision 0110), and the currencies that prices can be in.

The number of decimal places depends on the currency: 500 yen are `500`, and a dinar has a thousand fils.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency


@dataclass(frozen=True)
class Currency:
    """A currency that cards can be charged in.

    Args: exponent: decimal places of its minor unit. smallest: the least that can be charged, and
          largest: more than any key or parcel costs, so that typing mistakes are noticed; both in minor
          units. step: amounts are multiples of it.
    Source: https://docs.stripe.com/currencies (minor units, minimum amounts, three-decimal currencies)
    """

    code: str
    exponent: int
    smallest: int
    largest: int
    step: int = 1


_TWO_DECIMALS = {
    "USD": 50, "EUR": 50, "GBP": 30, "CHF": 50, "CAD": 50, "AUD": 50, "NZD": 50, "SGD": 50, "BRL": 50,
    "SEK": 300, "NOK": 300, "DKK": 250, "PLN": 200, "CZK": 1500, "RON": 200, "MXN": 1000, "HKD": 400,
    "INR": 50,
}  # fmt: skip
_DEARER = {"SEK": 10, "NOK": 10, "DKK": 7, "PLN": 4, "CZK": 25, "RON": 5, "MXN": 20, "HKD": 8, "INR": 90}
_ABOUT_A_THOUSAND_DOLLARS = 100_000

CURRENCIES: Mapping[str, Currency] = {
    **{
        code: Currency(code, 2, smallest, _ABOUT_A_THOUSAND_DOLLARS * _DEARER.get(code, 1))
        for code, smallest in _TWO_DECIMALS.items()
    },
    "JPY": Currency("JPY", 0, 50, 150_000),
    "KRW": Currency("KRW", 0, 700, 1_400_000),
    # The last of three decimals is always zero, because card networks use two.
    "KWD": Currency("KWD", 3, 200, 300_000, step=10),
    "BHD": Currency("BHD", 3, 200, 380_000, step=10),
    "JOD": Currency("JOD", 3, 400, 700_000, step=10),
    "TND": Currency("TND", 3, 2_000, 3_000_000, step=10),
}


def format_money(amount: int, currency: str, *, locale: str = "en") -> str:
    """Format an amount for people: `$29.00`, `¥500`, `KWD1.250`.

    Args: amount: in minor units; may be negative.
    """
    exponent = CURRENCIES[currency].exponent if currency in CURRENCIES else 2
    return format_currency(Decimal(amount).scaleb(-exponent), currency, locale=locale.replace("-", "_"))
