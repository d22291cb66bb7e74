"""Buying labels, as a ratio of the time the bare client needs for the same calls with as many workers.

    python -m benchmarks.shipping_labels [--labels N] [--workers N …] [--answer-ms N]

The bare client creates a shipment of the same addresses and parcel and buys its rate, and does nothing else:
no rows, no leases, no ledger, no vault. Both against the same stand-in, in turns. `--answer-ms` is how long
the stand-in takes for a purchase; a real one takes a second or so, 0 shows our own work and the stand-in's.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.inventory_reserve import NOW, scratch_database


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", type=int, default=2_000, help="of all measurements together")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--answer-ms", type=int, default=300)
    options = parser.parse_args(arguments)
    from sandbox.server import Sandbox

    with scratch_database(), Sandbox(start_at=NOW, buy_seconds=options.answer_ms / 1000) as vendor:
        purchases = prepare(options.labels)
        measure(purchases, vendor.easypost_url, options.workers)


def prepare(labels: int) -> list[Any]:
    """So many accepted claims of as many people, planned to be labelled."""
    from fulfillment.claims.models import Claim
    from fulfillment.claims.services.submission import submit_claim
    from fulfillment.postage.services.label_batches import plan_labels, waiting_purchases
    from fulfillment.vault.addresses import PostalAddress
    from tests.conftest import import_roster, open_campaign, receive

    people = [f"m-{number}" for number in range(labels)]
    accounts = "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n"
    accounts += "".join(
        f"{one},{one}@example.org,true,2014-02-03T00:00:00Z,false,false,false\n" for one in people
    )
    roles = "project,username,role,since\n"
    roles += "".join(f"keystone-lib,{one},Owner,2014-03-01\n" for one in people)
    with TemporaryDirectory() as folder:
        import_roster(Path(folder), now=NOW, accounts=accounts, roles=roles)
    campaign = open_campaign(now=NOW)
    receive(now=NOW, each=labels)
    for number, username in enumerate(people):
        address = PostalAddress(
            name=f"Robin Example {number}",
            street1=f"{number + 1} Montgomery Street",
            city="San Francisco",
            state="CA",
            postal_code="94104",
            country="US",
        )
        submit_claim(campaign=campaign, username=username, items=[], address=address, actor="bench", now=NOW)
    plan_labels(Claim.objects.order_by("pk").values_list("pk", flat=True), now=NOW)
    return waiting_purchases()


def measure(purchases: Sequence[Any], api_base: str, workers: Sequence[int]) -> None:
    from django.conf import settings

    from fulfillment.postage.gateways.easypost import EasyPostGateway
    from fulfillment.postage.services.label_batches import buy_labels

    mode = settings.ENVIRONMENT.easypost_mode
    gateway = EasyPostGateway(api_key="EZTKbench", api_base=api_base, mode=mode, timeout_s=30)
    share = len(purchases) // len(workers)
    first = 0.0
    for place, threads in enumerate(workers):
        mine = purchases[place * share : (place + 1) * share]
        started = time.perf_counter()
        ended = buy_labels(mine, gateway=gateway, workers=threads, name="bench", now=lambda: NOW)
        ours = time.perf_counter() - started
        assert ended["bought"] == share, ended
        bare = _bare(share, threads, api_base)
        first = first or share / ours
        print(
            f"{share:,} labels by {threads} workers: {ours:.1f} s, {share / ours:,.0f} a second,"
            f" {share / ours / first:.1f} x one worker's; bare client {bare:.1f} s"
            f" -> {ours / bare:.2f} x (at most 1.5)",
            flush=True,
        )
    gateway.close()


def _bare(labels: int, threads: int, api_base: str) -> float:
    """Seconds the client alone takes."""
    from easypost.easypost_client import EasyPostClient

    desk = {"name": "Desk", "street1": "417 Montgomery Street", "city": "San Francisco", "state": "CA"}
    desk |= {"zip": "94104", "country": "US", "phone": "4155550100"}
    parcel = {"weight": 2.5, "length": 8.1, "width": 4.1, "height": 0.8}
    clients = threading.local()

    def buy(number: int) -> None:
        if not hasattr(clients, "client"):
            clients.client = EasyPostClient("EZTKbench", api_base=api_base, timeout=30)
        client = clients.client
        made = client.shipment.create(
            to_address=desk, from_address=desk, parcel=parcel, reference=str(number)
        )
        client.shipment.buy(made.id, rate={"id": made.rates[0].id})

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(buy, range(labels)):
            pass
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
