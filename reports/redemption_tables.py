"""The redemption report, exact or published, as tables."""

from collections.abc import Iterable, Mapping
from typing import Literal

from reports.documents import (
    BEFORE_AND_NOW,
    PROTECTIONS,
    Forecast,
    Funnel,
    GroupCounts,
    KeyStep,
    KeyTotals,
    ProgrammeCosts,
    PublishedCounts,
    PublishedReport,
    RedemptionReport,
    StockCounts,
)
from reports.exports.terminal import percent
from reports.metrics import STEPS
from reports.tables import (
    Column,
    Kind,
    Report,
    Table,
    count_column,
    counted_column,
    day_column,
    money_column,
    permille,
    seconds,
    table,
    text_column,
)

_KEYS: dict[KeyStep, str] = {
    "claimed": "keys reserved for a maintainer, or sent to one",
    "shipped": "keys handed to a carrier, including those returned or lost later",
    "delivered": "keys delivered according to the carrier",
    "redeemed": "keys with the carrier or delivered to an eligible maintainer, neither returned nor lost",
}
_STEP_COLUMNS = tuple(count_column(step, meaning) for step, meaning in _KEYS.items())
_PEOPLE = count_column("people", "maintainers whose keys are in `claimed`")
_SPREAD = (
    count_column("count", "number of durations"),
    seconds("median_s", "median; seconds"),
    seconds("p90_s", "90th percentile; seconds"),
    count_column("impossible", "excluded: ends before it starts"),
)


def exact(document: RedemptionReport) -> Report:
    """The tables of `redemption_report`."""
    keys = document["keys"]
    of = document["campaign"] or "all campaigns"
    enrolled = document["two_factor"]["enrolled"]
    share = percent(keys["redeemed"], keys["total"])
    return Report(
        name="redemption",
        title=f"Keys redeemed: {of}",
        as_of=document["as_of"],
        summary=(
            f"{keys['redeemed']:,} of {keys['total']:,} keys were redeemed ({share}).",
            f"{keys['claimed']:,} were claimed, {keys['shipped']:,} shipped and {keys['delivered']:,} "
            f"delivered; after delivery {enrolled:,} maintainer{'' if enrolled == 1 else 's'} enrolled one.",
            "These numbers are exact. Small groups can identify people: do not pass them on.",
        ),
        tables=tuple(_exact_tables(document)),
        document=document,
    )


def _exact_tables(document: RedemptionReport) -> Iterable[Table]:
    yield _headline(document["keys"])
    yield from _funnel(document["funnel"])
    yield table(
        "by_week",
        "By week",
        "One row is an ISO week (UTC); numbers are keys at each step at the end of the week.",
        (text_column("week", "ISO week"), day_column("starts_on", "its Monday"), *_STEP_COLUMNS),
        [{**week, **week["standing"]} for week in document["by_week"]],
    )
    groups: tuple[tuple[str, str, Iterable[GroupCounts]], ...] = (
        ("country", "By country", document["by_country"]),
        ("policy", "By policy version", document["by_policy"]),
        ("wave", "By wave", document["by_wave"]),
    )
    for column, title, rows in groups:
        about = f"One row is a {column}; numbers are keys."
        columns = (text_column(column, about), _PEOPLE, *_STEP_COLUMNS)
        yield table(f"by_{column}", title, about, columns, rows)
    yield table(
        "by_key_model",
        "By key model",
        "One row is a key model; numbers are keys.",
        (
            text_column("sku", "key model"),
            count_column("total", "keys received"),
            *_STEP_COLUMNS,
            count_column("available", "keys that can still be claimed"),
        ),
        document["by_key_model"],
    )
    yield from _protection(document)
    yield from _work(document)
    yield from _money(document)
    yield table(
        "payments",
        "Payments",
        "One row is a settlement currency, from the vendor's balance transactions as fetched.",
        (text_column("currency", "ISO 4217"), *PAYMENT_COLUMNS),
        document["costs"]["payments"],
    )
    yield _stock(document["stock"])
    yield _forecast(document["forecast"])
    yield table(
        "risks",
        "Open risks",
        "One row is a risk that needs attention.",
        (text_column("meaning", "description"), count_column("count", "number")),
        document["risks"],
    )


def _headline(keys: KeyTotals) -> Table:
    rows: list[Mapping[str, object]] = [
        {"step": "total", "keys": keys["total"], "meaning": "keys received"},
        *({"step": step, "keys": keys[step], "meaning": _KEYS[step]} for step in STEPS),
        {"step": "available", "keys": keys["available"], "meaning": "keys that can still be claimed"},
    ]
    return table(
        "headline",
        "Keys at each step",
        "One row is a step; numbers are keys.",
        (
            text_column("step", "step"),
            count_column("keys", "keys there"),
            text_column("meaning", "what is counted"),
        ),
        rows,
    )


def _funnel(funnel: Funnel) -> Iterable[Table]:
    yield table(
        "funnel",
        "From the roster to an enrolled key",
        "One row is a step; numbers are people.",
        (
            text_column("step", "step"),
            count_column("people", "maintainers who reached it"),
            permille("share_permille", "share of the step before, in thousandths"),
        ),
        funnel["steps"],
    )
    yield table(
        "times",
        "How long the steps took",
        "One row is the time from one step to the next.",
        (text_column("between", "the two steps"), *_SPREAD),
        [{"between": name, **spread} for name, spread in funnel["times"].items()],
    )


def _protection(document: RedemptionReport) -> Iterable[Table]:
    projects, two_factor = document["projects"], document["two_factor"]
    yield table(
        "projects",
        "Critical projects by protection of their maintainers",
        "One row is a kind of protection, before or now; numbers are critical projects.",
        (
            text_column("protection", "two-factor authentication of any kind, or a WebAuthn key"),
            text_column("when", "when the campaign opened, or now"),
            count_column("none", "projects where no maintainer has it"),
            count_column("some", "projects where some have it"),
            count_column("all", "projects where all have it"),
        ),
        [
            {"protection": what, "when": when, **projects[when][what]}
            for what in PROTECTIONS
            for when in BEFORE_AND_NOW
        ],
    )
    yield counted_column(
        "accounts",
        "Accounts by two-factor state",
        "accounts of the roster in this state",
        "state",
        two_factor["accounts"],
    )
    yield table(
        "two_factor_flows",
        "Changes of two-factor state",
        "One row is a state before and a state now.",
        (
            text_column("before", "state when the campaign opened, or when first observed"),
            text_column("now", "state when last observed"),
            count_column("accounts", "accounts of the roster"),
            count_column("claimants", "of these, with a claim"),
        ),
        [
            {**row, "claimants": ours["accounts"]}
            for row, ours in zip(two_factor["flows"], two_factor["flows_of_claimants"], strict=True)
        ],
    )
    yield counted_column(
        "refusals",
        "Refusals by rule",
        "attempts refused, by the first rule that failed",
        "rule",
        document["refusals"]["by_rule"],
    )


def _work(document: RedemptionReport) -> Iterable[Table]:
    waitlist = document["waitlist"]
    yield counted_column(
        "claims",
        "Claims by state",
        "claims in this state",
        "state",
        document["claims"]["by_state"],
    )
    yield counted_column(
        "waitlist",
        "Waitlist",
        "claims that joined it, are on it, got their keys or left",
        "claims",
        {
            "joined": waitlist["joined"],
            "waiting": waitlist["waiting"],
            "promoted": waitlist["promoted"],
            "left": waitlist["left"],
        },
    )
    yield table(
        "exceptions",
        "Exceptions and appeals by rule",
        "One row is a rule; numbers are requests.",
        (
            text_column("rule", "which rule"),
            count_column("asked", "exceptions requested"),
            count_column("granted", "granted by a second person"),
            count_column("ended", "refused or revoked"),
            count_column("in_force", "in force now"),
            count_column("appeals", "appeals against the rule"),
            count_column("appeals_granted", "appeals answered with an exception"),
            count_column("appeals_declined", "declined"),
        ),
        document["exceptions"],
    )
    yield table(
        "cases",
        "Cases by reason",
        "One row is a reason; numbers are cases.",
        (
            text_column("reason", "reason for the case"),
            count_column("opened", "opened so far"),
            count_column("open", "open now"),
            count_column("overdue", "open and past their due time"),
            count_column("closed", "closed"),
            count_column("closed_in_time", "closed by their due time"),
            seconds("median_s", "median time to close; seconds"),
            seconds("p90_s", "90th percentile of the time to close; seconds"),
        ),
        [{**row, **row["to_close"]} for row in document["cases"]["by_reason"]],
    )
    yield counted_column(
        "case_outcomes", "Outcomes of cases", "closed cases", "outcome", document["cases"]["by_outcome"]
    )
    yield table(
        "carriers",
        "Carriers",
        "One row is a carrier; numbers are parcels.",
        (
            text_column("carrier", "carrier of the last label"),
            count_column("shipped", "handed over"),
            count_column("delivered", "delivered"),
            count_column("at_first_attempt", "delivered at the first attempt"),
            count_column("lost", "ever reported lost"),
            count_column("back", "ever returned"),
            seconds("median_s", "median time to delivery; seconds"),
            seconds("p90_s", "90th percentile of the time to delivery; seconds"),
        ),
        [{**row, **row["to_the_door"]} for row in document["carriers"]],
    )


def _money(document: RedemptionReport) -> Iterable[Table]:
    yield table(
        "costs",
        "Costs of the programme",
        "One row is a currency. The value of keys is not included; see the report on stock.",
        (
            text_column("currency", "ISO 4217"),
            money_column("sending_cents", "net costs of parcels, in minor units"),
            money_column("received_cents", "payments received, less fees, refunds and disputes"),
            money_column("cost_cents", "sending less received"),
            *_PER,
        ),
        [_per(row) for row in document["costs"]["programme"]],
    )
    yield table(
        "sending",
        "Costs of parcels",
        "One row is an item of cost in one currency.",
        (
            text_column("currency", "ISO 4217"),
            text_column("item", "item; net is all costs less refunds and compensation"),
            money_column("amount_cents", "minor units; refunds and compensation are income"),
            text_column("meaning", "what is counted"),
        ),
        [
            {"currency": row["currency"], "item": item, "amount_cents": row[name], "meaning": meaning}
            for row in document["costs"]["sending"]
            for item, name, meaning in _ITEMS
        ],
    )


_Item = Literal[
    "postage_cents",
    "insurance_cents",
    "duties_cents",
    "adjustments_cents",
    "strays_cents",
    "refunds_cents",
    "compensation_cents",
    "net_cents",
    "cents_per_delivered_pair",
    "cents_per_enrolled",
]
_ITEMS: tuple[tuple[str, _Item, str], ...] = (
    ("postage", "postage_cents", "labels bought, with the vendor's fees"),
    ("insurance", "insurance_cents", "insurance bought with the labels"),
    ("duties", "duties_cents", "duties, import tax and the carriers' fees for them, as invoiced"),
    ("corrections", "adjustments_cents", "adjustments by carriers after weighing or measuring, as invoiced"),
    ("labels without a purchase", "strays_cents", "labels at the vendor that belong to no parcel of ours"),
    ("refunds", "refunds_cents", "refunded postage of unused labels"),
    ("compensation", "compensation_cents", "paid by insurers and carriers for losses"),
    ("net", "net_cents", "all costs, less refunds and compensation"),
    ("per delivered pair", "cents_per_delivered_pair", "net for each two delivered keys, rounded half up"),
    ("per enrolled", "cents_per_enrolled", "net for each maintainer who enrolled, rounded half up"),
)
_PER = (
    money_column("per_delivered_pair_cents", "cost for each two delivered keys, rounded half up"),
    money_column("per_enrolled_cents", "cost for each maintainer who enrolled, rounded half up"),
)


def _per(row: ProgrammeCosts) -> dict[str, object]:
    return {
        **row,
        "per_delivered_pair_cents": row["cents_per_delivered_pair"],
        "per_enrolled_cents": row["cents_per_enrolled"],
    }


PAYMENT_COLUMNS = (
    money_column("gross_cents", "gross payments, in minor units"),
    money_column("fee_cents", "fees of the vendor"),
    money_column("refunds_cents", "refunds"),
    money_column("disputes_cents", "disputed amounts, less those won back"),
    money_column("net_cents", "received by the foundation"),
)


def _stock(stock: StockCounts) -> Table:
    skus = list(stock["by_key_model"])
    columns: tuple[Column, ...] = (
        text_column("account", "account of the ledger"),
        *(count_column(sku, f"keys of model {sku}") for sku in skus),
        count_column("total", "keys of all models"),
    )
    sentence = "adds up to the keys received" if stock["adds_up"] else "DOES NOT ADD UP"
    return table(
        "stock",
        "Stock",
        f"One row is an account of the ledger; numbers are keys. It {sentence}: {stock['total_received']:,}.",
        columns,
        [
            {
                "account": account,
                "total": total,
                **{sku: stock["by_key_model"][sku][account] for sku in skus},
            }
            for account, total in stock["accounts"].items()
        ],
    )


def _forecast(forecast: Forecast) -> Table:
    return table(
        "forecast",
        "When stock runs out",
        forecast["method"],
        (
            count_column("available", "keys that can still be claimed"),
            count_column("window_days", "days looked back on"),
            Column("per_day_milli", Kind.MILLI, "keys reserved a day, less those released, in thousandths"),
            count_column("days", "days left at this rate"),
            count_column("earliest_days", "days left at the high end of the range"),
            count_column("latest_days", "days left at the low end; empty: perhaps never"),
        ),
        [forecast],
    )


_RELEASED = (
    count_column("claimed", "people with reserved keys"),
    count_column("shipped", "people whose keys were handed to a carrier"),
    count_column("delivered", "people whose keys were delivered"),
    count_column("back", "people whose keys were returned or lost"),
    count_column("redeemed", "shipped less back"),
    count_column("enrolled", "people whose WebAuthn key was first observed after the delivery"),
    count_column("keys_claimed", "keys reserved for the people counted"),
    count_column("keys_redeemed", "keys sent to the people counted, less those known to be returned"),
)


def published(document: PublishedReport) -> Report:
    """The tables of `released_report`."""
    keys = document["keys"]
    redeemed = keys["redeemed"]
    shown = f"Fewer than {2 * document['smallest_group']:,}" if redeemed is None else f"{redeemed:,}"
    return Report(
        name="published",
        title=f"Keys redeemed: {document['campaign']}",
        as_of=document["as_of"],
        summary=(
            f"{shown} of {keys['total']:,} keys were redeemed."
            if keys["total"]
            else "No keys have been received yet.",
            document["method"],
        ),
        tables=tuple(_published_tables(document)),
        document=document,
    )


def _published_tables(document: PublishedReport) -> Iterable[Table]:
    people, keys = document["people"], document["keys"]
    yield table(
        "headline",
        "People and keys",
        "One row: the campaign so far.",
        (count_column("total", "keys received"), *_RELEASED),
        [
            {
                **people,
                "total": keys["total"],
                "keys_claimed": keys["claimed"],
                "keys_redeemed": keys["redeemed"],
            }
        ],
    )
    yield table(
        "by_week",
        "By week",
        "One row is a weekly release; numbers are people at each step.",
        (day_column("release", "Monday of the release"), *_RELEASED),
        document["by_week"],
    )
    groups: tuple[tuple[str, str, str, Iterable[PublishedCounts]], ...] = (
        ("country", "By country", "country", document["by_country"]),
        ("key_models", "By key models", "choice of key models", document["by_key_models"]),
        ("policy", "By policy version", "policy version", document["by_policy"]),
        ("wave", "By wave", "wave", document["by_wave"]),
    )
    for dimension, title, group, rows in groups:
        yield table(
            f"by_{dimension}",
            title,
            f"One row is a {group}; “other” is people whom no row shows yet.",
            (text_column(dimension, "group"), *_RELEASED),
            rows,
        )
    yield table(
        "projects",
        "Critical projects by protection of their maintainers",
        "One row is a kind of protection, before or now; numbers are critical projects.",
        (
            text_column("protection", "two-factor authentication of any kind, or a WebAuthn key"),
            text_column("when", "when the campaign opened, or now"),
            count_column("any", "projects where at least one maintainer has it"),
            count_column("all", "of these, projects where all have it"),
        ),
        [
            {"protection": what, "when": when, **document["projects"][when][what]}
            for what in PROTECTIONS
            for when in BEFORE_AND_NOW
        ],
    )
    yield counted_column(
        "accounts",
        "Accounts with a second factor",
        "accounts of the roster with any second factor, and of these those with a WebAuthn key",
        "factor",
        document["two_factor"],
    )
    yield counted_column(
        "refusals",
        "Refused people by first failed rule",
        "people refused at least once",
        "rule",
        document["refusals"],
    )
    yield table(
        "postage",
        "Postage",
        "One row is a currency.",
        (
            text_column("currency", "ISO 4217"),
            count_column("people", "people counted as shipped"),
            money_column("cost_cents", "cost of their first parcels, in minor units"),
            money_column("per_person_cents", "cost for each of them, rounded half up"),
        ),
        [
            {**row, "cost_cents": row["cents"], "per_person_cents": row["cents_per_person"]}
            for row in document["costs"]["postage"]
        ],
    )


__all__ = ["exact", "published"]
