"""Every report by its name: what `manage.py report` and the pages offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from reports import redemption_tables
from reports.redemption import redemption_report
from reports.release import released_report
from reports.statements.carriers import carrier_statement
from reports.statements.cases import case_service
from reports.statements.logs import roster_changes, vault_access
from reports.statements.payments import payments_statement
from reports.statements.stock import stock_valuation
from reports.tables import Report


@dataclass(frozen=True)
class Statement:
    """A report of the whole house: what it says, and how it is made. Exact: for who may see people."""

    about: str
    make: Callable[[datetime], Report]


STATEMENTS: Mapping[str, Statement] = {
    "stock": Statement("what the keys in the house are worth", stock_valuation),
    "carriers": Statement("labels by month, and keys sent by country with their value", carrier_statement),
    "payments": Statement("what was paid, the fees, what was sent back, by month", payments_statement),
    "roster": Statement("lists received and what changed, by day", roster_changes),
    "vault": Statement("how often addresses were opened, by purpose", vault_access),
    "cases": Statement("whether cases were worked in time", case_service),
}


def exact_redemption(*, campaign_slug: str | None, as_of: datetime) -> Report:
    return redemption_tables.exact(redemption_report(campaign_slug=campaign_slug, as_of=as_of))


def published_redemption(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> Report:
    return redemption_tables.published(
        released_report(campaign_slug=campaign_slug, as_of=as_of, smallest_group=smallest_group)
    )
