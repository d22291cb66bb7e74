"""Locations of places, for postal zones, country groups and time zones."""

from __future__ import annotations

import math
from typing import NamedTuple


class Spot(NamedTuple):
    latitude: float
    longitude: float
    time_zone: str


_EAST, _CENTRAL = "America/New_York", "America/Chicago"
_MOUNTAIN, _PACIFIC = "America/Denver", "America/Los_Angeles"

# The middle of each state, to half a degree.
STATES: dict[str, Spot] = {
    "AL": Spot(32.8, -86.8, _CENTRAL), "AK": Spot(61.2, -149.9, "America/Anchorage"),
    "AZ": Spot(33.4, -112.0, "America/Phoenix"), "AR": Spot(34.8, -92.2, _CENTRAL),
    "CA": Spot(36.0, -119.8, _PACIFIC), "CO": Spot(39.6, -105.0, _MOUNTAIN),
    "CT": Spot(41.6, -72.7, _EAST), "DE": Spot(39.3, -75.5, _EAST), "DC": Spot(38.9, -77.0, _EAST),
    "FL": Spot(28.0, -81.8, _EAST), "GA": Spot(33.4, -84.2, _EAST),
    "HI": Spot(21.3, -157.8, "Pacific/Honolulu"), "ID": Spot(43.7, -115.0, "America/Boise"),
    "IL": Spot(41.0, -88.6, _CENTRAL), "IN": Spot(39.9, -86.2, "America/Indiana/Indianapolis"),
    "IA": Spot(41.9, -93.3, _CENTRAL), "KS": Spot(38.5, -96.5, _CENTRAL), "KY": Spot(37.8, -85.2, _EAST),
    "LA": Spot(30.6, -91.4, _CENTRAL), "ME": Spot(44.3, -69.5, _EAST), "MD": Spot(39.1, -76.8, _EAST),
    "MA": Spot(42.3, -71.5, _EAST), "MI": Spot(42.8, -84.2, "America/Detroit"),
    "MN": Spot(45.1, -93.8, _CENTRAL), "MS": Spot(32.6, -89.7, _CENTRAL), "MO": Spot(38.4, -92.0, _CENTRAL),
    "MT": Spot(46.5, -110.5, _MOUNTAIN), "NE": Spot(41.2, -97.5, _CENTRAL),
    "NV": Spot(37.5, -116.5, _PACIFIC), "NH": Spot(43.2, -71.5, _EAST),
    "NJ": Spot(40.4, -74.4, _EAST), "NM": Spot(35.0, -106.5, _MOUNTAIN),
    "NY": Spot(41.2, -74.2, _EAST), "NC": Spot(35.6, -79.5, _EAST), "ND": Spot(47.3, -99.5, _CENTRAL),
    "OH": Spot(40.3, -82.8, _EAST), "OK": Spot(35.5, -97.2, _CENTRAL), "OR": Spot(44.7, -122.7, _PACIFIC),
    "PA": Spot(40.4, -76.8, _EAST), "RI": Spot(41.8, -71.4, _EAST), "SC": Spot(33.9, -80.9, _EAST),
    "SD": Spot(44.2, -99.2, _CENTRAL), "TN": Spot(35.9, -86.8, _CENTRAL), "TX": Spot(31.0, -97.5, _CENTRAL),
    "UT": Spot(40.3, -111.8, _MOUNTAIN), "VT": Spot(44.2, -72.8, _EAST), "VA": Spot(37.8, -77.8, _EAST),
    "WA": Spot(47.4, -121.8, _PACIFIC), "WV": Spot(38.6, -80.7, _EAST), "WI": Spot(43.6, -89.2, _CENTRAL),
    "WY": Spot(42.5, -106.8, _MOUNTAIN),
    "PR": Spot(18.3, -66.4, "America/Puerto_Rico"), "VI": Spot(18.0, -64.8, "America/St_Thomas"),
    "GU": Spot(13.4, 144.8, "Pacific/Guam"), "MP": Spot(15.2, 145.7, "Pacific/Saipan"),
    "AS": Spot(-14.3, -170.7, "Pacific/Pago_Pago"),
    "AA": Spot(25.8, -80.3, _EAST), "AE": Spot(40.6, -73.8, _EAST), "AP": Spot(37.6, -122.4, _PACIFIC),
}  # fmt: skip

MILITARY = frozenset({"AA", "AE", "AP"})
TERRITORIES = frozenset({"PR", "VI", "GU", "MP", "AS"})

# Postal price groups: 1 is nearest. Everything else is in the dearest group.
_EUROPE = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
_PACIFIC_RIM = "AU CN HK ID IN JP KR MY NZ PH SG TH TW VN"

# Upper bounds in miles of the postal zones 1 to 7; beyond lies zone 8.
_ZONE_MILES = (50, 150, 300, 600, 1000, 1400, 1800)


def country_group(country: str) -> int:
    if country == "CA":
        return 1
    if country == "MX":
        return 2
    if country in _EUROPE.split():
        return 3
    return 4 if country in _PACIFIC_RIM.split() else 5


def postal_zone(from_state: str, from_zip: str, to_state: str, to_zip: str) -> int:
    """The zone (1 to 8, 9 for the far territories) between two US places.

    Within a state the first three digits of the ZIP tell near from far; between states their middles do.
    """
    if to_state in TERRITORIES - {"PR", "VI"}:
        return 9
    if from_state == to_state:
        return _zone_by_prefix(from_zip, to_zip)
    if from_state not in STATES or to_state not in STATES:
        return 8
    miles = _miles(STATES[from_state], STATES[to_state])
    return 1 + sum(miles > bound for bound in _ZONE_MILES)


def _zone_by_prefix(from_zip: str, to_zip: str) -> int:
    if not (from_zip[:3].isdigit() and to_zip[:3].isdigit()):
        return 4
    apart = abs(int(from_zip[:3]) - int(to_zip[:3]))
    return 1 + sum(apart > bound for bound in (0, 5, 20))


def _miles(one: Spot, other: Spot) -> float:
    latitude = math.radians((one.latitude + other.latitude) / 2)
    north = (one.latitude - other.latitude) * 69.0
    east = (one.longitude - other.longitude) * 69.2 * math.cos(latitude)
    return math.hypot(north, east)
