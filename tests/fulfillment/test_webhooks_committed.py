"""Webhooks outside a transaction: committed, and their job woken, by one message to the database."""

import json
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection
from procrastinate.contrib.django.models import ProcrastinateJob

from config.jobs import commit_and_wake
from fulfillment import webhooks
from fulfillment.models import Webhook
from fulfillment.postage.gateways.events import EasyPostIntake
from fulfillment.shipments.models import LabelPurchase
from fulfillment.webhooks import receive_webhook
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.fulfillment.carrier_events import post, signature, tracker_event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("fulfillment.tracking.urls")]

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
INTAKE = EasyPostIntake(["tests-new"])
JOB = "shipping.work_webhooks"
PARCEL = LabelPurchase(vendor_shipment_id=f"shp_{'1' * 32}", tracker_id=f"trk_{'2' * 32}")


@pytest.fixture(autouse=True)
def _no_jobs(transactional_db: None) -> Iterator[None]:
    """The queue is no table of Django's, so nobody empties it after a test that commits."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def event() -> dict[str, Any]:
    return tracker_event(PARCEL, "in_transit", at=NOW)


def waiting() -> int:
    return ProcrastinateJob.objects.filter(task_name=JOB, status="todo").count()


def test_each_is_stored_once_and_one_job_waits_for_all() -> None:
    for given in (event(), event(), event()):
        assert [post(given).status_code for _ in range(2)] == [204, 204]
    assert (Webhook.objects.count(), waiting()) == (3, 1)


def test_of_a_burst_in_many_threads_each_event_is_stored_once_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[int] = []
    original = webhooks._insert

    def slowly(job: str, deliveries: Collection[Any]) -> None:
        rows.append(len(deliveries))
        # So that the others come meanwhile.
        time.sleep(0.05)
        original(job, deliveries)

    monkeypatch.setattr(webhooks, "_insert", slowly)
    webhooks._at_once.cache_clear()
    bodies = [json.dumps(event()).encode() for _ in range(8)]

    def deliver(body: bytes) -> bool:
        try:
            return receive_webhook(INTAKE, body=body, headers={"X-Hmac-Signature": signature(body)}, now=NOW)
        finally:
            connection.close()

    try:
        with ThreadPoolExecutor(16) as pool:
            told = list(pool.map(deliver, bodies * 3))
    finally:
        webhooks._at_once.cache_clear()
    assert (Webhook.objects.count(), waiting(), sum(told)) == (8, 1, 8)
    assert {one.body["tracker"] for one in Webhook.objects.all()} == {PARCEL.tracker_id}
    assert len(rows) < len(told) == sum(rows)


def test_a_job_that_went_to_work_is_followed_by_another() -> None:
    post(event())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    post(event())
    assert waiting() == 1


def test_a_statement_that_fails_changes_nothing_and_leaves_the_connection_as_it_was() -> None:
    with pytest.raises(DatabaseError):
        commit_and_wake(
            JOB, "INSERT INTO fulfillment_webhook (provider) VALUES (%s) RETURNING id", ["easypost"]
        )
    assert (Webhook.objects.count(), waiting()) == (0, 0)
    assert connection.get_autocommit()
    assert post(event()).status_code == 204
    assert (Webhook.objects.count(), waiting()) == (1, 1)
