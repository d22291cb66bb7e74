"""What the shipping room leaves to the workers. Arguments are ids and nothing else."""

import os
import socket
from datetime import datetime

from procrastinate.contrib.django import app

from config import clock
from config.jobs import BACK_OFF
from fulfillment.claims.services.paying import STOP_PARCELS
from fulfillment.claims.services.submission import SHIP_CLAIM
from fulfillment.shipping import (
    chores,  # noqa: F401 - its tasks are found by way of this module
    gateways,
)
from fulfillment.shipping.gateways.events import WORK_WEBHOOKS
from fulfillment.shipping.gateways.insurers import insurers_of
from fulfillment.shipping.gateways.scan_forms import forms_of
from fulfillment.shipping.services import (
    handing_over,
    insurance,
    labels,
    planning,
    purchasing,
    recovery,
    refunds,
    silence,
    stopping,
    sweeping,
    tracking,
)
from fulfillment.shipping.services.outcomes import FETCH_LABEL


def worker_name() -> str:
    """Who this process is, for leases that a person may have to read."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


@app.task(name=SHIP_CLAIM, retry=BACK_OFF)
def ship_claim(claim_id: int) -> None:
    planning.ship_claim(claim_id=claim_id, now=clock.now())


@app.task(name=planning.BUY_LABEL, retry=BACK_OFF)
def buy_label(purchase_id: str) -> None:
    purchasing.buy_label(
        purchase_id=purchase_id,
        gateway=gateways.from_environment(),
        worker=worker_name(),
        now=clock.now(),
    )


@app.task(name=STOP_PARCELS, retry=BACK_OFF)
def stop_parcels(claim_id: int) -> None:
    stopping.stop_parcels(claim_id=claim_id, gateway=gateways.from_environment(), now=clock.now())


@app.task(name=FETCH_LABEL, retry=BACK_OFF)
def fetch_label(purchase_id: str) -> None:
    labels.fetch_label(purchase_id=purchase_id, gateway=gateways.from_environment(), now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name=WORK_WEBHOOKS, queueing_lock=WORK_WEBHOOKS)
def work_webhooks(timestamp: int) -> None:
    """Woken by every new webhook, and every minute for those that waited for the vendor."""
    tracking.work_webhooks(gateway=gateways.from_environment(), now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="shipping.resolve_purchases", queueing_lock="shipping.resolve_purchases")
def resolve_purchases(timestamp: int) -> None:
    """Every minute: what became of purchases that nobody has an answer for."""
    recovery.resolve_purchases(gateway=gateways.from_environment(), worker=worker_name(), now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="shipping.sweep", queueing_lock="shipping.sweep")
def sweep(timestamp: int) -> None:
    """Every five minutes: claims, purchases, labels and webhooks that no job works on."""
    sweeping.sweep(now=clock.now())


@app.periodic(cron="23 * * * *")
@app.task(name="shipping.ask_vendor", queueing_lock="shipping.ask_vendor")
def ask_vendor(timestamp: int) -> None:
    """Every hour: trackers nothing was heard of for long, refunds and insurance claims under way."""
    gateway = gateways.from_environment()
    tracking.ask_silent_trackers(gateway=gateway, now=clock.now())
    refunds.check_refunds(gateway=gateway, now=clock.now())
    insurance.follow_claims(insurers=insurers_of(gateway), now=clock.now())


@app.task(name=handing_over.MAKE_FORM, retry=BACK_OFF)
def make_form(manifest_id: int) -> None:
    forms = forms_of(gateways.from_environment())
    handing_over.make_form(manifest_id=manifest_id, forms=forms, now=clock.now())


@app.periodic(cron="*/2 * * * *")
@app.task(name="shipping.check_forms", queueing_lock="shipping.check_forms")
def check_forms(timestamp: int) -> None:
    """Every two minutes: forms that the carrier is still making."""
    handing_over.check_forms(forms=forms_of(gateways.from_environment()), now=clock.now())


@app.periodic(cron="41 4 * * *")
@app.task(name="shipping.open_silent_cases", queueing_lock="shipping.open_silent_cases")
def open_silent_cases(timestamp: int) -> None:
    """Every day: parcels of which nothing was heard for too long."""
    silence.open_silent_cases(now=clock.now())


def periodic_chores(*, now: datetime) -> None:
    """All of the periodic work above at once, for a rehearsal, whose days pass faster than a cron's."""
    gateway = gateways.from_environment()
    sweeping.sweep(now=now)
    recovery.resolve_purchases(gateway=gateway, worker=worker_name(), now=now)
    tracking.ask_silent_trackers(gateway=gateway, now=now)
    refunds.check_refunds(gateway=gateway, now=now)
    insurance.follow_claims(insurers=insurers_of(gateway), now=now)
    silence.open_silent_cases(now=now)
