"""Catalog of reports, by name, for `manage.py report` and the pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from reports import redemption_tables
from reports.tables import Report


@dataclass(frozen=True)
class Statement:
    """An exact report across all campaigns, for staff who may see people.

    maker: module and function, imported when the report is built.
    """

    about: str
    maker: str

    def make(self, as_of: datetime) -> Report:
        module, _, function = self.maker.rpartition(".")
        made: Callable[[datetime], Report] = getattr(import_module(f"reports.statements.{module}"), function)
        return made(as_of)


STATEMENTS: Mapping[str, Statement] = {
    "stock": Statement("what the keys in the house are worth", "stock.stock_valuation"),
    "carriers": Statement(
        "labels by month, and keys sent by country with their value", "carriers.carrier_statement"
    ),
    "payments": Statement(
        "what was paid, the fees, what was sent back, by month", "payments.payments_statement"
    ),
    "roster": Statement("lists received and what changed, by day", "logs.roster_changes"),
    "vault": Statement("how often addresses were opened, by purpose", "logs.vault_access"),
    "cases": Statement("whether cases were worked in time", "cases.case_service"),
}


def exact_redemption(*, campaign_slug: str | None, as_of: datetime) -> Report:
    from reports.redemption import redemption_report

    return redemption_tables.exact(redemption_report(campaign_slug=campaign_slug, as_of=as_of))


def published_redemption(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> Report:
    from reports.public.published_report import released_report

    return redemption_tables.published(
        released_report(campaign_slug=campaign_slug, as_of=as_of, smallest_group=smallest_group)
    )
