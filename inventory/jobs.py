"""Jobs of the stock ledger."""

import logging

from procrastinate.contrib.django import app

from common import clock
from inventory.services.alerts import watch_stock
from inventory.services.recalls import hold_recalled
from inventory.services.sealing import seal_days

logger = logging.getLogger("keydesk.inventory")


@app.periodic(cron="23 0 * * *")
@app.task(name="inventory.seal_ledger")
def seal_ledger(timestamp: int) -> None:
    """Every night: seal the day before, and any earlier unsealed days.

    The seals are logged too, so a log kept elsewhere can be used to check the ledger.
    """
    for seal in seal_days(now=clock.now()):
        logger.info("sealed %s: %s movements, seal %s", seal.day, seal.movement_count, bytes(seal.hash).hex())


@app.periodic(cron="*/10 * * * *")
@app.task(name="inventory.hold_recalled")
def hold_what_is_recalled(timestamp: int) -> None:
    """Hold recalled keys that came back into stock after the recall was opened."""
    for held in hold_recalled(actor="system:recall", now=clock.now()):
        if held.held:
            logger.info("recall %s holds %s more", held.recall.code, held.held)


@app.periodic(cron="7 * * * *")
@app.task(name="inventory.watch_stock")
def watch(timestamp: int) -> None:
    for alert in watch_stock(now=clock.now()):
        logger.warning(
            "%s lasts %.0f days: %s left, %.1f a day",
            alert.key_model,
            alert.days_left,
            alert.available,
            alert.per_day,
        )
