"""4,000 packing slips, streamed from the database to PDF files, against setting the same slips from memory.

    python -m benchmarks.packing_slips [--parcels N]

Printed: seconds for all (60 are allowed), the time to the first file, the ratio of the whole to bare
typesetting, the largest memory, and the same for a label printer (ZPL).
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.inventory_reserve import scratch_database

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
ALLOWED_S = 60


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parcels", type=int, default=4_000)
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with scratch_database():
        codes = _parcels(options.parcels)
        return _measure(codes)


def _parcels(number: int) -> list[str]:
    """Parcels of two keys each, of one person: the slips need no more than that they are there."""
    from fulfillment.claims.models import Claim
    from fulfillment.claims.services.submission import submit_claim
    from fulfillment.notices.models import Recipient
    from fulfillment.shipments.models import ParcelUnit, Shipment
    from fulfillment.vault.addresses import PostalAddress
    from inventory.models import Unit
    from tests.conftest import import_roster, open_campaign, receive

    with tempfile.TemporaryDirectory() as folder:
        roster = import_roster(Path(folder), now=NOW)
    campaign = open_campaign(now=NOW)
    receive(now=NOW, each=number)
    address = PostalAddress(
        name="Robin Example", street1="417 Montgomery Street", city="San Francisco", state="CA",
        postal_code="94104", country="US",
    )  # fmt: skip
    first = submit_claim(
        campaign=campaign, username="m-owner", items=[], address=address, actor="staff", now=NOW
    )
    Recipient.objects.create(account=roster["m-owner"], phrase="the words that I chose")
    claims = Claim.objects.bulk_create(
        Claim(
            campaign=campaign, account=roster["m-owner"], decision_id=first.decision_id, state="returned",
            country="US", service="standard", created_at=NOW, updated_at=NOW,
        )
        for _ in range(number)
    )  # fmt: skip
    parcels = Shipment.objects.bulk_create(
        Shipment(claim=claim, state="back", created_at=NOW, updated_at=NOW) for claim in claims
    )
    units = list(Unit.objects.order_by("pk").values_list("pk", flat=True))
    ParcelUnit.objects.bulk_create(
        ParcelUnit(shipment=parcel, unit_id=units[2 * place + half])
        for place, parcel in enumerate(parcels)
        for half in (0, 1)
    )
    return [parcel.code for parcel in parcels]


def _measure(codes: list[str]) -> int:
    from fulfillment.documents.parcel_documents import DocumentSet, Sheet
    from fulfillment.documents.typesetting import as_pdf
    from fulfillment.postage.services import printing

    streamed, first, size = _time(printing.print_slips(parcels=codes))
    ready = [DocumentSet(slip) for slip in printing._slips(codes).values()]
    started = time.perf_counter()
    for place in range(0, len(ready), printing.SLIPS_A_FILE):
        as_pdf(ready[place : place + printing.SLIPS_A_FILE], sheet=Sheet.LABEL)
    bare = time.perf_counter() - started
    zpl, _, zpl_size = _time(printing.print_slips_as_zpl(parcels=codes))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << (20 if sys.platform == "darwin" else 10)
    )
    verdict = "met" if streamed <= ALLOWED_S else "MISSED"
    print(
        f"{len(codes)} slips as PDF   {streamed:6.1f} s, first file after {first:.1f} s, {size / 1e6:.1f} MB"
    )
    print(f"  at most {ALLOWED_S} s         {verdict}")
    print(f"  / bare typesetting    {streamed / bare:6.2f} (of {bare:.1f} s)")
    print(f"{len(codes)} slips as ZPL   {zpl:6.1f} s, {zpl_size / 1e6:.1f} MB")
    print(f"largest memory          {peak:6.0f} MiB")
    return 0 if streamed <= ALLOWED_S else 1


def _time(files: Iterable[bytes]) -> tuple[float, float, int]:
    """Seconds for all, seconds to the first, and bytes in all."""
    started, first, size = time.perf_counter(), 0.0, 0
    for file in files:
        first = first or time.perf_counter() - started
        size += len(file)
    return time.perf_counter() - started, first, size


if __name__ == "__main__":
    sys.exit(main())
