"""Statement of carrier costs by month, and of exports by country."""

from datetime import datetime

import pandas as pd

from reports.database import one_snapshot
from reports.frames import claims, labels, movements
from reports.frames.logs import key_values
from reports.metrics.parcels import UNKNOWN_CARRIER
from reports.statements.builder import build_statement
from reports.tables import Report, count_column, money_column, table, text_column


def carrier_statement(as_of: datetime) -> Report:
    """Labels by month and carrier; keys handed over and their declared value by country."""
    with one_snapshot():
        bought, made, moves, values = labels(as_of), claims(as_of), movements(as_of), key_values(as_of)
    bought["month"] = bought["at"].dt.strftime("%Y-%m")
    bought["carrier"] = bought["carrier"].astype(str).replace("", UNKNOWN_CARRIER)
    bought["currency"] = bought["currency"].astype(str)
    by_month = bought.groupby(["month", "carrier", "currency"])["cost_cents"].agg(["size", "sum"])
    sent = moves[moves["to_account"].eq("in_transit")].drop_duplicates("unit")
    sent = sent.merge(made[["claim", "country"]], on="claim").merge(values, on="sku")
    sent = sent.assign(country=sent["country"].astype(str), currency=sent["currency"].astype(str))
    by_country = sent.groupby(["country", "currency"]).agg(
        parcels=("claim", "nunique"), keys=("unit", "size"), value=("value_cents", "sum")
    )
    return build_statement(
        name="carriers",
        title="Carriers and customs",
        as_of=as_of,
        summary=(f"{len(bought):,} labels bought, {len(sent):,} keys handed over.",),
        tables=(
            table(
                "labels",
                "Labels by month",
                "One row is a carrier in one month (UTC).",
                (
                    text_column("month", "year and month"),
                    text_column("carrier", "carrier"),
                    text_column("currency", "ISO 4217"),
                    count_column("labels", "labels bought"),
                    money_column("cost_cents", "what they cost, in minor units"),
                ),
                _rows(by_month, ("month", "carrier", "currency"), ("labels", "cost_cents")),
            ),
            table(
                "customs",
                "Keys sent by country",
                "One row is a country; values are those that customs was told.",
                (
                    text_column("country", "ISO 3166 alpha-2"),
                    text_column("currency", "ISO 4217"),
                    count_column("parcels", "claims whose keys were handed over"),
                    count_column("keys", "keys handed over"),
                    money_column("value_cents", "their value, in minor units"),
                ),
                _rows(by_country, ("country", "currency"), ("parcels", "keys", "value_cents")),
            ),
        ),
    )


def _rows(
    grouped: pd.DataFrame, names: tuple[str, ...], numbers: tuple[str, ...]
) -> list[dict[str, str | int]]:
    return [
        {
            **dict(zip(names, map(str, key if isinstance(key, tuple) else (key,)), strict=True)),
            **dict(zip(numbers, map(int, row), strict=True)),
        }
        for key, row in zip(grouped.index, grouped.itertuples(index=False), strict=True)
    ]
