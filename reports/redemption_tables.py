"""The redemption report, exact or published, as tables."""

from collections.abc import Iterable, Mapping
from typing import Any

from reports.exports.terminal import percent
from reports.steps import STEPS
from reports.tables import (
    Column,
    Kind,
    Report,
    Table,
    cents,
    count,
    counted,
    day,
    permille,
    seconds,
    table,
    text,
)

_KEYS = {
    "claimed": "keys promised to a maintainer, or sent to one",
    "shipped": "keys handed to a carrier, whatever became of them",
    "delivered": "keys at the door, says the carrier",
    "redeemed": "keys with the carrier or at the door of an eligible maintainer, neither returned nor lost",
}
_STEP_COLUMNS = tuple(count(step, meaning) for step, meaning in _KEYS.items())
_PEOPLE = count("people", "maintainers whose keys are in `claimed`")
_SPREAD = (
    count("count", "how many took it"),
    seconds("median_s", "half took no longer; seconds"),
    seconds("p90_s", "nine in ten took no longer; seconds"),
    count("impossible", "left out: an end before its start, by clocks that disagree"),
)


def exact(document: dict[str, Any]) -> Report:
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
            f"delivered; {enrolled:,} maintainer{'' if enrolled == 1 else 's'} enrolled one after that.",
            "These numbers are exact. Small groups in them can single people out: do not pass them on.",
        ),
        tables=tuple(_exact_tables(document)),
        document=document,
    )


def _exact_tables(document: dict[str, Any]) -> Iterable[Table]:
    yield _headline(document["keys"])
    yield from _funnel(document["funnel"])
    yield table(
        "by_week",
        "By week",
        "One row is an ISO week (UTC); the numbers are keys at each step when it ended.",
        (text("week", "ISO week"), day("starts_on", "its Monday"), *_STEP_COLUMNS),
        [{**week, **week["standing"]} for week in document["by_week"]],
    )
    for column, title in (("country", "By country"), ("policy", "By policy version"), ("wave", "By wave")):
        about = f"One row is a {column}; numbers are keys."
        columns = (text(column, about), _PEOPLE, *_STEP_COLUMNS)
        yield table(f"by_{column}", title, about, columns, document[f"by_{column}"])
    yield table(
        "by_key_model",
        "By key model",
        "One row is a key model; numbers are keys.",
        (
            text("sku", "key model"),
            count("total", "keys received"),
            *_STEP_COLUMNS,
            count("available", "keys that can still be claimed"),
        ),
        document["by_key_model"],
    )
    yield from _protection(document)
    yield from _work(document)
    yield from _money(document)
    yield table(
        "payments",
        "Payments",
        "One row is a currency of the settlement, from the vendor's books as fetched.",
        (text("currency", "ISO 4217"), *PAYMENT_COLUMNS),
        document["costs"]["payments"],
    )
    yield _stock(document["stock"])
    yield _forecast(document["forecast"])
    yield table(
        "risks",
        "Open risks",
        "One row is something to look at.",
        (text("meaning", "what it is"), count("count", "how many")),
        document["risks"],
    )


def _headline(keys: Mapping[str, int]) -> Table:
    meanings = {"total": "keys received", **_KEYS, "available": "keys that can still be claimed"}
    rows = [
        {"step": step, "keys": keys[step], "meaning": meanings[step]}
        for step in ("total", *STEPS, "available")
    ]
    return table(
        "headline",
        "Keys at each step",
        "One row is a step; numbers are keys.",
        (text("step", "step"), count("keys", "keys there"), text("meaning", "what is counted")),
        rows,
    )


def _funnel(funnel: Mapping[str, Any]) -> Iterable[Table]:
    yield table(
        "funnel",
        "From the roster to an enrolled key",
        "One row is a step; numbers are people.",
        (
            text("step", "step"),
            count("people", "maintainers who came to it"),
            permille("share_permille", "of those at the step before, in thousandths"),
        ),
        funnel["steps"],
    )
    yield table(
        "times",
        "How long the steps took",
        "One row is a way from one step to the next.",
        (text("between", "from which step to which"), *_SPREAD),
        [{"between": name, **spread} for name, spread in funnel["times"].items()],
    )


def _protection(document: Mapping[str, Any]) -> Iterable[Table]:
    projects, two_factor = document["projects"], document["two_factor"]
    yield table(
        "projects",
        "Critical projects by protection of their maintainers",
        "One row is a kind of protection at one time; numbers are critical projects.",
        (
            text("protection", "two-factor authentication of any kind, or a WebAuthn key"),
            text("when", "when the campaign opened, or now"),
            count("none", "projects of whose maintainers none has it"),
            count("some", "some have it"),
            count("all", "all have it"),
        ),
        [
            {"protection": what, "when": when, **projects[when][what]}
            for what in ("two_factor", "webauthn")
            for when in ("before", "now")
        ],
    )
    yield counted(
        "accounts",
        "Accounts by two-factor state",
        "accounts of the roster in this state",
        "state",
        two_factor["accounts"],
    )
    yield table(
        "two_factor_flows",
        "From which two-factor state to which",
        "One row is a state before and a state now.",
        (
            text("before", "when the campaign opened, or when first seen"),
            text("now", "last seen"),
            count("accounts", "accounts of the roster"),
            count("claimants", "of these, with a claim"),
        ),
        [
            {**row, "claimants": ours["accounts"]}
            for row, ours in zip(two_factor["flows"], two_factor["flows_of_claimants"], strict=True)
        ],
    )
    yield counted(
        "refusals",
        "Refusals by rule",
        "attempts refused; the rule that was named first",
        "rule",
        document["refusals"]["by_rule"],
    )


def _work(document: Mapping[str, Any]) -> Iterable[Table]:
    waitlist = document["waitlist"]
    yield counted(
        "claims",
        "Claims by state",
        "claims in this state",
        "state",
        document["claims"]["by_state"],
    )
    yield counted(
        "waitlist",
        "Waitlist",
        "claims that joined it, wait now, got their keys or left",
        "claims",
        {name: waitlist[name] for name in ("joined", "waiting", "promoted", "left")},
    )
    yield table(
        "exceptions",
        "Exceptions and appeals by rule",
        "One row is a rule; numbers are requests.",
        (
            text("rule", "which rule"),
            count("asked", "exceptions asked for"),
            count("granted", "granted by a second person"),
            count("ended", "refused or revoked"),
            count("in_force", "in force now"),
            count("appeals", "appeals against the rule"),
            count("appeals_granted", "answered with an exception"),
            count("appeals_declined", "declined"),
        ),
        document["exceptions"],
    )
    yield table(
        "cases",
        "Cases by reason",
        "One row is a reason; numbers are cases.",
        (
            text("reason", "why somebody had to look"),
            count("opened", "opened so far"),
            count("open", "open now"),
            count("overdue", "open and past their due time"),
            count("closed", "closed"),
            count("closed_in_time", "closed by their due time"),
            seconds("median_s", "half were closed within; seconds"),
            seconds("p90_s", "nine in ten were closed within; seconds"),
        ),
        [{**row, **row["to_close"]} for row in document["cases"]["by_reason"]],
    )
    yield counted(
        "case_outcomes", "Outcomes of cases", "closed cases", "outcome", document["cases"]["by_outcome"]
    )
    yield table(
        "carriers",
        "Carriers",
        "One row is a carrier; numbers are parcels.",
        (
            text("carrier", "carrier of the last label"),
            count("shipped", "handed over"),
            count("delivered", "delivered"),
            count("at_first_attempt", "delivered without a failed attempt before"),
            count("lost", "ever reported lost"),
            count("back", "ever on the way back"),
            seconds("median_s", "half were at the door within; seconds"),
            seconds("p90_s", "nine in ten were at the door within; seconds"),
        ),
        [{**row, **row["to_the_door"]} for row in document["carriers"]],
    )


def _money(document: Mapping[str, Any]) -> Iterable[Table]:
    yield table(
        "costs",
        "Costs of the programme",
        "One row is a currency. Keys are not in it: what those in stock are worth is in the report on stock.",
        (
            text("currency", "ISO 4217"),
            cents("sending_cents", "net costs of parcels, in minor units"),
            cents("received_cents", "what payers' money left after fees, refunds and disputes"),
            cents("cost_cents", "the first less the second"),
            *_PER,
        ),
        [_per(row) for row in document["costs"]["programme"]],
    )
    yield table(
        "sending",
        "Costs of parcels",
        "One row is what money was for, in one currency.",
        (
            text("currency", "ISO 4217"),
            text("item", "what for; the net is all costs less refunds and compensation"),
            cents("amount_cents", "minor units; refunds and compensation came back"),
            text("meaning", "what is counted"),
        ),
        [
            {"currency": row["currency"], "item": item, "amount_cents": row[name], "meaning": meaning}
            for row in document["costs"]["sending"]
            for item, name, meaning in _ITEMS
        ],
    )


_ITEMS = (
    ("postage", "postage_cents", "labels bought, with the vendor's fees"),
    ("insurance", "insurance_cents", "bought with the labels"),
    ("duties", "duties_cents", "duties, import tax and the carriers' fees for them, as billed"),
    ("corrections", "adjustments_cents", "carriers weighed or measured again, as billed"),
    ("nobody's labels", "strays_cents", "at the vendor, of no parcel of ours"),
    ("refunds", "refunds_cents", "postage of unused labels that came back"),
    ("compensation", "compensation_cents", "paid by insurers and carriers for losses"),
    ("net", "net_cents", "all costs, less what came back"),
    ("per delivered pair", "cents_per_delivered_pair", "the net by two delivered keys, rounded half up"),
    ("per enrolled", "cents_per_enrolled", "the net by maintainers who enrolled, rounded half up"),
)
_PER = (
    cents("per_delivered_pair_cents", "by two delivered keys, rounded half up"),
    cents("per_enrolled_cents", "by each maintainer who enrolled, rounded half up"),
)


def _per(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "per_delivered_pair_cents": row["cents_per_delivered_pair"],
        "per_enrolled_cents": row["cents_per_enrolled"],
    }


PAYMENT_COLUMNS = (
    cents("gross_cents", "what payers paid, in minor units"),
    cents("fee_cents", "what the vendor kept"),
    cents("refunds_cents", "sent back"),
    cents("disputes_cents", "taken by payers' banks, less what came back"),
    cents("net_cents", "what reached the foundation"),
)


def _stock(stock: Mapping[str, Any]) -> Table:
    skus = list(stock["by_key_model"])
    columns: tuple[Column, ...] = (
        text("account", "where keys stand in the ledger"),
        *(count(sku, f"keys of model {sku}") for sku in skus),
        count("total", "keys of all models"),
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


def _forecast(forecast: Mapping[str, Any]) -> Table:
    return table(
        "forecast",
        "When stock runs out",
        forecast["method"],
        (
            count("available", "keys that can still be claimed"),
            count("window_days", "days looked back on"),
            Column("per_day_milli", Kind.MILLI, "keys taken a day, less those put back, in thousandths"),
            count("days", "days left at that rate"),
            count("earliest_days", "days left at the high end of the range"),
            count("latest_days", "days left at the low end; empty: perhaps never"),
        ),
        [forecast],
    )


_RELEASED = (
    count("claimed", "people who were promised keys"),
    count("shipped", "people whose keys a carrier has had"),
    count("delivered", "people whose keys were delivered"),
    count("back", "people whose keys came back or were lost"),
    count("redeemed", "shipped less back"),
    count("enrolled", "people whose WebAuthn key was first seen after the delivery"),
    count("keys_claimed", "keys promised to the people counted"),
    count("keys_redeemed", "keys sent to the people counted, less those known back"),
)


def published(document: dict[str, Any]) -> Report:
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
            else "No keys have come in yet.",
            document["method"],
        ),
        tables=tuple(_published_tables(document)),
        document=document,
    )


def _published_tables(document: dict[str, Any]) -> Iterable[Table]:
    people, keys = document["people"], document["keys"]
    yield table(
        "headline",
        "People and keys",
        "One row: the campaign so far.",
        (count("total", "keys received"), *_RELEASED),
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
        "One row is a weekly release; numbers are people at each step by then.",
        (day("release", "the Monday it came out"), *_RELEASED),
        document["by_week"],
    )
    for dimension, title, group in (
        ("country", "By country", "country"),
        ("key_models", "By key models", "choice of key models"),
        ("policy", "By policy version", "policy version"),
        ("wave", "By wave", "wave"),
    ):
        yield table(
            f"by_{dimension}",
            title,
            f"One row is a {group}; “other” is whom no row shows yet.",
            (text(dimension, "group"), *_RELEASED),
            document[f"by_{dimension}"],
        )
    yield table(
        "projects",
        "Critical projects by protection of their maintainers",
        "One row is a kind of protection at one time; numbers are critical projects.",
        (
            text("protection", "two-factor authentication of any kind, or a WebAuthn key"),
            text("when", "when the campaign opened, or now"),
            count("any", "projects of whose maintainers at least one has it"),
            count("all", "of these, those of whose maintainers all have it"),
        ),
        [
            {"protection": what, "when": when, **document["projects"][when][what]}
            for what in ("two_factor", "webauthn")
            for when in ("before", "now")
        ],
    )
    yield counted(
        "accounts",
        "Accounts with a second factor",
        "accounts of the roster with any second factor, and of these those with a WebAuthn key",
        "factor",
        document["two_factor"],
    )
    yield counted(
        "refusals",
        "Refused, by the rule named first",
        "people refused at least once",
        "rule",
        document["refusals"],
    )
    yield table(
        "postage",
        "Postage",
        "One row is a currency.",
        (
            text("currency", "ISO 4217"),
            count("people", "people counted as shipped to"),
            cents("cost_cents", "what their first parcels cost, in minor units"),
            cents("per_person_cents", "by each of them, rounded half up"),
        ),
        [
            {**row, "cost_cents": row["cents"], "per_person_cents": row["cents_per_person"]}
            for row in document["costs"]["postage"]
        ],
    )


__all__ = ["exact", "published"]
