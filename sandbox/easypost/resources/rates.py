"""Carriers' rates for a parcel: the same parcel always costs the same.

Prices are in the range of real ones (an ounce-dependent part, a distance-dependent part), never theirs.
A carrier that refuses a parcel gives a message; the shipment is still created.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sandbox.easypost.account import EasyPostAccount
from sandbox.easypost.formats import as_dollars, stamp
from sandbox.easypost.ids import fixed_id, new_easypost_id
from sandbox.easypost.resources.addresses import names_a_po_box
from sandbox.easypost.resources.geography import MILITARY, TERRITORIES, country_group, postal_zone
from sandbox.vendor_json import Json

CARRIERS = ("USPS", "UPS", "FedEx", "DHLExpress")
ACCOUNTS: dict[str, str] = {carrier: fixed_id("ca", carrier) for carrier in CARRIERS}
CARRIER_OF_ACCOUNT: dict[str, str] = {
    carrier_account: carrier for carrier, carrier_account in ACCOUNTS.items()
}

# USPS takes nothing over 70 lb, and small international packets up to 4 lb.
HEAVIEST_OZ = 70 * 16
HEAVIEST_PACKET_OZ = 4 * 16


@dataclass(frozen=True, slots=True)
class Service:
    """One service: cents for the first distance step to the last, cents an ounce, and days in transit.

    Steps are postal zones 1 to 9 at home and country groups 1 to 5 abroad. days: None promises nothing.
    """

    carrier: str
    name: str
    cents: tuple[int, ...]
    cents_per_oz: int
    days: tuple[int, ...] | None
    heaviest_oz: float = HEAVIEST_OZ

    def price_cents(self, step: int, weight_oz: float) -> int:
        return self.cents[step - 1] + self.cents_per_oz * math.ceil(weight_oz)

    def days_to(self, step: int) -> int | None:
        return self.days[step - 1] if self.days else None


def _by_zone(first: int, each: int) -> tuple[int, ...]:
    return tuple(first + each * zone for zone in range(1, 10))


DOMESTIC = (
    Service("USPS", "GroundAdvantage", _by_zone(400, 20), 8, (2, 2, 3, 3, 4, 4, 5, 5, 7)),
    Service("USPS", "Priority", _by_zone(550, 28), 5, (1, 2, 2, 2, 2, 3, 3, 3, 4)),
    Service("USPS", "Express", _by_zone(2600, 160), 10, (1, 1, 1, 1, 2, 2, 2, 2, 3)),
    Service("UPS", "Ground", _by_zone(980, 35), 6, (1, 1, 2, 3, 4, 4, 5, 5, 7)),
    Service("FedEx", "GROUND_HOME_DELIVERY", _by_zone(1010, 34), 6, (1, 1, 2, 3, 4, 4, 5, 5, 7)),
)
INTERNATIONAL = (
    Service(
        "USPS",
        "FirstClassPackageInternationalService",
        (1180, 1390, 1540, 1610, 1790),
        28,
        None,
        HEAVIEST_PACKET_OZ,
    ),
    Service("USPS", "PriorityMailInternational", (3100, 3500, 4200, 4500, 4900), 40, None),
    Service("UPS", "UPSSaver", (5200, 5600, 5900, 6400, 7300), 60, (2, 3, 3, 3, 5)),
    Service("FedEx", "INTERNATIONAL_ECONOMY", (4700, 5000, 5300, 5700, 6600), 55, (4, 5, 5, 5, 6)),
    Service("DHLExpress", "ExpressWorldwideNonDoc", (3900, 4200, 4400, 4600, 5200), 55, (2, 2, 2, 3, 4)),
)


@dataclass(frozen=True, slots=True)
class ServicePrice:
    rates: list[Json]
    messages: list[Json]
    usps_zone: int | None


def price_services(account: EasyPostAccount, shipment: Json, carrier_accounts: list[str]) -> ServicePrice:
    """Ask the carriers (all, or those of `carrier_accounts`) for their rates and refusals."""
    asked = [CARRIER_OF_ACCOUNT[carrier_account] for carrier_account in carrier_accounts] or list(CARRIERS)
    is_domestic = _is_domestic(shipment)
    step = _zone(shipment) if is_domestic else country_group(shipment["to_address"]["country"])
    rates: list[Json] = []
    messages: list[Json] = []
    for carrier in asked:
        if (refusal := _refusal(account, shipment, carrier)) is not None:
            messages.append(_message(carrier, refusal))
            continue
        weight = shipment["parcel"]["weight"]
        for service in DOMESTIC if is_domestic else INTERNATIONAL:
            if service.carrier == carrier and weight <= service.heaviest_oz:
                rates.append(_rate(account, shipment["id"], service, step, weight))
    return ServicePrice(
        rates, messages, step if is_domestic and shipment["to_address"]["country"] == "US" else None
    )


def move_prices(rates: list[Json], percent: int) -> None:
    """Change the price of every rate, as carriers do between a quote and a purchase."""
    for rate in rates:
        cents = round(float(rate["rate"]) * (100 + percent))
        rate["rate"] = as_dollars(cents)


def service_named(carrier: str, name: str) -> Service | None:
    for service in DOMESTIC + INTERNATIONAL:
        if (service.carrier, service.name) == (carrier, name):
            return service
    return None


def _is_domestic(shipment: Json) -> bool:
    return bool(shipment["from_address"]["country"] == shipment["to_address"]["country"])


def _zone(shipment: Json) -> int:
    here, there = shipment["from_address"], shipment["to_address"]
    if there["country"] != "US":
        return 4
    return postal_zone(here["state"] or "", here["zip"] or "", there["state"] or "", there["zip"] or "")


def _refusal(account: EasyPostAccount, shipment: Json, carrier: str) -> str | None:
    """The carrier's message for giving no rates; None if it gives some."""
    here, there = shipment["from_address"], shipment["to_address"]
    needs_customs = not _is_domestic(shipment) or there["state"] in MILITARY | TERRITORIES
    refusals = [
        (
            there["country"] in account.settings.blocked_countries,
            f"Service to destination country {there['country']} is not available.",
        ),
        (needs_customs and not shipment["customs_info"], "shipment.customs_info: field required"),
        (
            shipment["parcel"]["weight"] > HEAVIEST_OZ,
            "shipment.parcel.weight: exceeds the maximum weight of this carrier.",
        ),
        (
            carrier == "USPS" and here["country"] != "US",
            "shipment.from_address.country: shipments must originate in the US.",
        ),
        (
            carrier != "USPS" and names_a_po_box(there),
            "shipment.to_address.street1: cannot deliver to a PO box.",
        ),
        (
            carrier != "USPS" and there["country"] == "US" and there["state"] in MILITARY,
            "shipment.to_address.state: cannot deliver to a military address.",
        ),
        (
            carrier == "DHLExpress" and _is_domestic(shipment),
            f"Unable to retrieve DHLExpress rates for {there['country']} domestic shipments.",
        ),
    ]
    return next((message for applies, message in refusals if applies), None)


def _message(carrier: str, message: str) -> Json:
    return {
        "carrier": carrier,
        "carrier_account_id": ACCOUNTS[carrier],
        "type": "rate_error",
        "message": message,
    }


def _rate(account: EasyPostAccount, shipment_id: str, service: Service, step: int, weight_oz: float) -> Json:
    cents = service.price_cents(step, weight_oz)
    now = stamp(account.now)
    days = service.days_to(step)
    return {
        "id": new_easypost_id("rate"),
        "object": "Rate",
        "created_at": now,
        "updated_at": now,
        "mode": account.mode,
        "service": service.name,
        "carrier": service.carrier,
        "rate": as_dollars(cents),
        "currency": "USD",
        "retail_rate": as_dollars(cents * 13 // 10),
        "retail_currency": "USD",
        "list_rate": as_dollars(cents * 11 // 10),
        "list_currency": "USD",
        "billing_type": "easypost",
        "delivery_days": days,
        "delivery_date": None,
        "delivery_date_guaranteed": False,
        "est_delivery_days": days,
        "shipment_id": shipment_id,
        "carrier_account_id": ACCOUNTS[service.carrier],
    }
