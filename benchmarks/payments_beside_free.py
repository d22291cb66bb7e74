"""What people on their way to the payments vendor do to those who pay nothing.

    python -m benchmarks.payments_beside_free [--checkouts N] [--claims N] [--threads N]

Free claims are made by a few threads, first alone, then while N checkouts wait for the vendor, which takes
its time. The figure is the ratio of the free path's p99; a checkout that held a lock or a database
connection while it waits would show.
"""

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.inventory_reserve import scratch_database

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
VENDOR_TAKES_S = 45
LIMIT = 1.3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkouts", type=int, default=200)
    parser.add_argument("--claims", type=int, default=400, help="free claims in each of the rounds")
    parser.add_argument("--threads", type=int, default=4, help="how many make free claims")
    options = parser.parse_args(arguments)
    with scratch_database():
        return _measure(options)


def _measure(options: argparse.Namespace) -> int:
    from fulfillment.payments.gateways.stripe import StripeGateway
    from sandbox.server import Sandbox

    people = options.checkouts + 3 * options.claims
    campaign = _programme(people)
    free = iter(range(options.checkouts, people))
    dear = [_claim(campaign, number, express=True) for number in range(options.checkouts)]
    _p99(campaign, [next(free) for _ in range(options.claims)], options.threads)
    alone = _p99(campaign, [next(free) for _ in range(options.claims)], options.threads)
    with Sandbox(start_at=NOW) as vendor:
        vendor.stripe.add_fault(
            "delay", seconds=VENDOR_TAKES_S, method="POST", path="/checkout/sessions", moment="after", count=0
        )
        gateway = StripeGateway(
            secret_key="sk_test_bench", api_base=vendor.stripe_url, mode="test", timeout_s=120
        )
        payers = [
            threading.Thread(target=_check_out, args=(claim.code, gateway), daemon=True) for claim in dear
        ]
        for payer in payers:
            payer.start()
        waited_since = time.monotonic()
        while len(vendor.stripe.sessions()) < options.checkouts:
            time.sleep(0.2)
        started = time.monotonic()
        beside = _p99(campaign, [next(free) for _ in range(options.claims)], options.threads)
        took = time.monotonic() - started
        # All of them were made before the first was answered, or the figure says nothing.
        in_flight = time.monotonic() - waited_since < VENDOR_TAKES_S
        for payer in payers:
            payer.join()
        gateway.close()
    ratio = beside / alone
    print(
        f"free claims, p99: {alone * 1000:.0f} ms alone, {beside * 1000:.0f} ms beside "
        f"{options.checkouts} checkouts in flight ({took:.0f} s, all waiting: {in_flight})"
        f" -> {ratio:.2f} x (at most {LIMIT})"
    )
    return 0


def _programme(people: int) -> Any:
    from fulfillment.claims.campaigns.price_publishing import publish_prices
    from fulfillment.claims.models import Campaign
    from tests.conftest import import_roster, open_campaign, receive

    accounts = "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n" + "".join(
        f"p-{n},p{n}@example.org,true,2014-02-03T00:00:00Z,false,false,false\n" for n in range(people)
    )
    roles = "project,username,role,since\n" + "".join(
        f"keystone-lib,p-{n},Owner,2014-03-01\n" for n in range(people)
    )
    with tempfile.TemporaryDirectory() as directory:
        import_roster(Path(directory), now=NOW, accounts=accounts, roles=roles)
    campaign = open_campaign(now=NOW)
    publish_prices(
        campaign=campaign,
        document={
            "version": "bench",
            "currency": "USD",
            "express": {"*": 2500},
            "valid_from": NOW.isoformat(),
        },
        actor="bench",
        now=NOW,
    )
    receive(now=NOW, each=people + 10)
    return Campaign.objects.select_related("policy").get(pk=campaign.pk)


def _claim(campaign: Any, number: int, *, express: bool = False) -> Any:
    from fulfillment.claims.services.submission import submit_claim
    from fulfillment.vault.addresses import PostalAddress

    return submit_claim(
        campaign=campaign,
        username=f"p-{number}",
        items=[],
        address=PostalAddress(
            name="Robin Example",
            street1=f"{number} Montgomery Street",
            city="San Francisco",
            state="CA",
            postal_code="94104",
            country="US",
        ),
        service="express" if express else "standard",
        actor=f"maintainer:{number}",
        now=NOW + timedelta(seconds=number / 100),
    )


def _check_out(code: str, gateway: Any) -> None:
    from django.db import connections

    from fulfillment.payments.services.checkout import start_checkout

    try:
        start_checkout(code=code, gateway=gateway, now=NOW + timedelta(minutes=1))
    finally:
        connections.close_all()


def _p99(campaign: Any, numbers: list[int], threads: int) -> float:
    """Seconds that 99 of 100 free claims stay below, made by so many threads at once."""
    from django.db import connections

    waiting, took, lock = iter(numbers), [], threading.Lock()

    def work() -> None:
        try:
            while True:
                with lock:
                    number = next(waiting, None)
                if number is None:
                    return
                started = time.perf_counter()
                _claim(campaign, number)
                took.append(time.perf_counter() - started)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(took)[int(len(took) * 0.99) - 1]


if __name__ == "__main__":
    raise SystemExit(main())
