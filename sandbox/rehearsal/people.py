"""The people of a rehearsal: who claims, when, from where, and whether they use their keys.

Everything is drawn from (seed, username), never from a shared stream, so that adding or removing a person
changes no other person.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from fulfillment.vault.addresses import PostalAddress

# Countries of maintainers, per thousand; about a quarter live where no keys can be sent.
COUNTRIES = {
    "US": 310, "DE": 95, "GB": 80, "FR": 60, "JP": 45, "CA": 45, "IT": 30, "ES": 25, "CH": 20, "AT": 15,
    "BE": 15, "IN": 60, "BR": 40, "NL": 40, "CN": 35, "PL": 30, "AU": 30, "SE": 15, "RU": 10,
}  # fmt: skip

# The share of people in countries not served who still try; the others read about it on the site.
TRIES_ANYWAY = 0.3
SERVED = frozenset({"US", "DE", "GB", "FR", "JP", "CA", "IT", "ES", "CH", "AT", "BE"})

# Consistent cities, subdivisions and postal codes; the streets are invented.
PLACES = {
    "US": [("Portland", "OR", "97205"), ("Austin", "TX", "78701"), ("Boston", "MA", "02108")],
    "DE": [("Berlin", "", "10115"), ("Hamburg", "", "20095"), ("München", "", "80331")],
    "GB": [("London", "", "SW1A 1AA"), ("Leeds", "", "LS1 1UR")],
    "FR": [("Paris", "", "75001"), ("Lyon", "", "69001")],
    "JP": [("Chiyoda-ku", "Tokyo", "100-0001"), ("Kita-ku", "Osaka", "530-0001")],
    "CA": [("Toronto", "ON", "M5H 2N2"), ("Vancouver", "BC", "V5K 0A1")],
    "IT": [("Roma", "RM", "00118"), ("Milano", "MI", "20121")],
    "ES": [("Madrid", "Madrid", "28001"), ("Sevilla", "Sevilla", "41001")],
    "CH": [("Zürich", "", "8001"), ("Bern", "", "3011")],
    "AT": [("Wien", "", "1010"), ("Graz", "", "8010")],
    "BE": [("Brussel", "", "1000"), ("Gent", "", "9000")],
    "IN": [("Mumbai", "Maharashtra", "400001")],
    "BR": [("São Paulo", "SP", "01001-000")],
    "NL": [("Amsterdam", "", "1011 AB")],
    "CN": [("Chaoyang", "Beijing", "100020")],
    "PL": [("Warszawa", "", "00-001")],
    "AU": [("Sydney", "NSW", "2000")],
    "SE": [("Stockholm", "", "111 20")],
    "RU": [("Moskva", "Moskva", "101000")],
}  # fmt: skip

_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "st",
    "t",
    "tr",
    "v",
)
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ei", "ou")
_ENDS = ("n", "l", "r", "s", "th", "nd", "rn", "ck", "m")


class PaymentBehaviour(Enum):
    """How a person behaves on the checkout page."""

    AT_ONCE = "at once"
    AT_SECOND_TRY = "after a card that is declined"
    NOT = "not at all"


@dataclass(frozen=True)
class Person:
    """How one maintainer behaves. `claims_after` is None if they never claim.

    Few pay for anything: `extra_keys` beyond the allotment, or express shipping.
    """

    username: str
    country: str
    claims_after: timedelta | None
    wants: str
    cancels: bool
    enrols_after: timedelta | None
    extra_keys: int = 0
    is_express: bool = False
    pays: PaymentBehaviour = PaymentBehaviour.AT_ONCE

    @property
    def is_to_pay(self) -> bool:
        """Whether the claim may cost something."""
        return self.is_express or self.extra_keys > 0


def draw_persona(seed: int, username: str, *, claim_share: float, weeks: int) -> Person:
    """Draw a maintainer's behaviour. Most claims come in the first weeks, some late."""
    draw, purse = random.Random(f"{seed}/{username}"), random.Random(f"{seed}/{username}/pays")
    country = draw.choices(list(COUNTRIES), weights=list(COUNTRIES.values()))[0]
    comes = draw.random() < claim_share * (1 if country in SERVED else TRIES_ANYWAY)
    day = min(draw.expovariate(1 / (weeks * 1.6)), weeks * 7 - 1.5)
    hour = draw.uniform(0, 24)
    return Person(
        username=username,
        country=country,
        claims_after=timedelta(days=int(day), hours=hour) if comes else None,
        wants=draw.choices(["pair", "usb_c", "usb_a"], weights=[60, 30, 10])[0],
        cancels=draw.random() < 0.012,
        enrols_after=timedelta(days=draw.uniform(1, 21)) if draw.random() < 0.7 else None,
        # About one in ten; drawn from a generator of its own, so that the other draws do not change.
        extra_keys=purse.choice([1, 1, 2]) if purse.random() < 0.05 else 0,
        is_express=purse.random() < 0.05,
        pays=purse.choices(list(PaymentBehaviour), weights=[75, 10, 15])[0],
    )


def persona_address(seed: int, one: Person) -> PostalAddress:
    """The maintainer's address. No street resembles a word of the code or the data."""
    draw = random.Random(f"{seed}/{one.username}/address")
    city, state, postal_code = draw.choice(PLACES[one.country])
    street = f"{draw.randint(1, 9899)} {_word(draw)}{_word(draw)} {draw.choice(['Lane', 'Way', 'Row'])}"
    return PostalAddress(
        name=f"{_word(draw)} {_word(draw)}{_word(draw).lower()}",
        street1=street,
        street2=f"Unit {draw.randint(2, 90)}" if draw.random() < 0.2 else "",
        city=city,
        state=state,
        postal_code=postal_code,
        country=one.country,
        phone=f"+1555{draw.randint(1_000_000, 9_999_999)}",
    )


def _word(draw: random.Random) -> str:
    syllables = (draw.choice(_ONSETS) + draw.choice(_VOWELS) + draw.choice(_ENDS) for _ in range(2))
    return "".join(syllables).capitalize()
