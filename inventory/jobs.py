"""What the stock ledger leaves to the workers."""

import logging

from procrastinate.contrib.django import app

from config import clock
from inventory.services.sealing import seal_days

logger = logging.getLogger("keydesk.inventory")


@app.periodic(cron="23 0 * * *")
@app.task(name="inventory.seal_ledger")
def seal_ledger(timestamp: int) -> None:
    """Every night: a seal over the day before, and over those a stopped worker missed.

    The seals stand in the log, too: whoever keeps that elsewhere can hold the ledger to them.
    """
    for seal in seal_days(now=clock.now()):
        logger.info("sealed %s: %s movements, seal %s", seal.day, seal.movement_count, bytes(seal.hash).hex())
