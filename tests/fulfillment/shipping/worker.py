"""A worker in a process of its own, for tests that kill it.

    worker.py API_BASE [--die-after-buying] [--later SECONDS] JOB

works one kind of job: `queue` what waits in the queue, `resolve` the minutely look at purchases in doubt.
With --die-after-buying the process is killed the moment the vendor's answer to a purchase has arrived.
"""

import argparse
import os
import signal
from datetime import UTC, datetime, timedelta

import django

parser = argparse.ArgumentParser()
parser.add_argument("api_base")
parser.add_argument("--die-after-buying", action="store_true")
parser.add_argument("--later", type=float, default=0)
parser.add_argument("job", choices=["queue", "resolve"])
given = parser.parse_args()

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from procrastinate.contrib.django import app  # noqa: E402

from config import clock  # noqa: E402
from fulfillment.shipping import gateways, jobs  # noqa: E402
from fulfillment.shipping.gateways.base import BoughtLabel  # noqa: E402
from fulfillment.shipping.gateways.easypost import EasyPostGateway  # noqa: E402


class MortalGateway(EasyPostGateway):
    """The real gateway; only its worker may not live to see what it bought."""

    def buy(self, shipment_id: str, rate_id: str, *, insured_cents: int = 0) -> BoughtLabel:
        label = super().buy(shipment_id, rate_id, insured_cents=insured_cents)
        if given.die_after_buying:
            os.kill(os.getpid(), signal.SIGKILL)
        return label


gateway = MortalGateway(api_key="EZTKtests", api_base=given.api_base, mode="test", timeout_s=30)
gateways.from_environment = lambda: gateway  # type: ignore[assignment]

with clock.reading(lambda: datetime.now(UTC) + timedelta(seconds=given.later)):
    if given.job == "resolve":
        jobs.resolve_purchases(timestamp=0)
    else:
        app.perform_import_paths()  # type: ignore[no-untyped-call]
        worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
        worker_app.run_worker(wait=False, listen_notify=False, install_signal_handlers=False)
gateway.close()
