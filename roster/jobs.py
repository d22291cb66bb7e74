"""Jobs of the roster."""

import logging

from procrastinate.contrib.django import app

from common import clock
from roster.errors import CohortTooLarge, NoDownloads

logger = logging.getLogger("keydesk.roster")


@app.periodic(cron="11 4 * * *")
@app.task(name="roster.designate_critical", queueing_lock="roster.designate_critical")
def designate(timestamp: int) -> None:
    """Every night: designate the top one percent of the last download list, if there is one."""
    # Imported here because it loads Arrow, which slows down the start of a process.
    from roster.services.designations import designate_critical

    try:
        designated = designate_critical(actor="job:designate_critical", now=clock.now())
    except (NoDownloads, CohortTooLarge) as refusal:
        logger.warning("no projects were designated: %s", refusal)
        return
    logger.info("%s projects added, %s are critical", designated.added, designated.critical)
