"""Two key models, and stock on request."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from common.invariants import Violation
from common.invariants import verify_all as run_checks
from inventory.default_key_models import ensure_catalogue
from inventory.invariants import CHECKS
from inventory.models import KeyModel, Movement, Unit
from inventory.services.receiving import receive_stock

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)

Receive = Callable[..., list[Unit]]
Snapshot = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def catalogue(db: None) -> tuple[KeyModel, KeyModel]:
    """The USB-A and the USB-C key."""
    usb_a, usb_c = ensure_catalogue(NOW)
    return usb_a, usb_c


@pytest.fixture
def receive(catalogue: tuple[KeyModel, KeyModel]) -> Receive:
    """Receive so many units, or these serials; by default USB-A keys of lot L-1."""

    def receive(
        what: int | Sequence[str], *, sku: str = "KD-A-NFC", lot: str = "", now: datetime = NOW
    ) -> list[Unit]:
        lot = lot or f"L-{sku}"
        serials = [f"{sku}-{number:04d}" for number in range(what)] if isinstance(what, int) else what
        receive_stock(sku=sku, lot_reference=lot, serials=serials, actor="staff:ada", now=now)
        return list(
            Unit.objects.filter(serial__in=[serial.strip().upper() for serial in serials]).order_by("id")
        )

    return receive


@pytest.fixture
def everything(db: None) -> Snapshot:
    """All rows of the ledger, for showing that a refusal changed nothing."""

    def everything() -> list[tuple[Any, ...]]:
        return [
            *Unit.objects.order_by("id").values_list(),
            *Movement.objects.order_by("id").values_list(),
        ]

    return everything


def violations() -> list[Violation]:
    """What the checks of this room find."""
    return run_checks(CHECKS).violations


def run_sql(sql: str, parameters: Sequence[str | int] = ()) -> None:
    """A statement of somebody with a database shell; %s is a parameter, %% a percent sign."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
