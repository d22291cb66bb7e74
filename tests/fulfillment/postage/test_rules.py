"""The room's pure decisions, as tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.postage.gateways import parsing
from fulfillment.postage.rules.customs import customs_lines, needs_export_filing
from fulfillment.postage.rules.destinations import allowed_carriers, needs_customs
from fulfillment.postage.rules.packaging import Content, parcel_for
from fulfillment.postage.rules.purchases import PurchaseAnswer, Recovery, after_an_empty_look, read_answer
from fulfillment.postage.rules.rates import choose_rate
from fulfillment.shipments.carrier_values import Rate
from fulfillment.shipments.rules.states import SHIPMENT_TRANSITIONS, ShipmentState
from fulfillment.shipments.rules.tracking import (
    ACCOUNT_OF,
    Relevance,
    TrackingSignal,
    moves_between,
    read_status,
    relevance_of,
    tracking_change,
)
from fulfillment.vault.addresses import PostalAddress, is_po_box
from inventory.rules import move_allowed

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
S = ShipmentState


def rate(
    cents: int, days: int | None, carrier: str = "USPS", service: str = "X", currency: str = "USD"
) -> Rate:
    return Rate(f"rate_{cents:032x}", carrier, service, cents, currency, days)


@pytest.mark.parametrize(
    ("rates", "cents", "case"),
    [
        ([rate(900, 2), rate(500, 5), rate(700, 3)], 500, None),
        # Cheaper, but later than promised.
        ([rate(300, 9), rate(500, 5)], 500, None),
        # Cheaper, but without a promise: only when no promise can be had for the money.
        ([rate(300, None), rate(500, 5)], 500, None),
        ([rate(300, None), rate(5000, 5)], 300, None),
        ([rate(300, 9), rate(5000, None)], None, CaseReason.OVER_CEILING),
        ([rate(5000, 2)], None, CaseReason.OVER_CEILING),
        ([rate(300, 9)], None, CaseReason.NO_RATE),
        ([], None, CaseReason.NO_RATE),
        ([rate(300, 2, currency="CAD")], None, CaseReason.NO_RATE),
        ([rate(1000, 5)], 1000, None),
        ([rate(1001, 5)], None, CaseReason.OVER_CEILING),
    ],
)
def test_the_cheapest_rate_in_time_is_chosen(
    rates: list[Rate], cents: int | None, case: CaseReason | None
) -> None:
    choice = choose_rate(rates, promised_days=5, ceiling_cents=1000, currency="USD")
    assert (choice.rate and choice.rate.amount_cents, choice.case) == (cents, case)
    assert choice.why


@pytest.mark.parametrize(
    ("rates", "cents", "case"),
    [
        # The same offers, for somebody who paid for five days.
        ([rate(400, None), rate(900, 5)], 900, None),
        ([rate(400, None)], None, CaseReason.NO_RATE),
        ([rate(400, None), rate(500, 9)], None, CaseReason.NO_RATE),
        ([rate(400, None), rate(1001, 5)], None, CaseReason.OVER_CEILING),
    ],
)
def test_express_is_never_a_service_that_promises_nothing(
    rates: list[Rate], cents: int | None, case: CaseReason | None
) -> None:
    choice = choose_rate(rates, promised_days=5, ceiling_cents=1000, currency="USD", must_promise=True)
    assert (choice.rate and choice.rate.amount_cents, choice.case) == (cents, case)


def test_equal_offers_give_the_same_choice_in_any_order() -> None:
    offers = [rate(500, 3, "UPS", "B"), rate(500, 3, "UPS", "A"), rate(500, 3, "USPS", "A")]
    choices = {
        choose_rate(order, promised_days=5, ceiling_cents=1000, currency="USD").rate
        for order in (offers, offers[::-1])
    }
    assert choices == {offers[1]}


def test_a_carrier_that_cannot_deliver_there_is_not_chosen() -> None:
    offers = [rate(500, 3, "UPS"), rate(900, 3, "USPS")]
    chosen = choose_rate(
        offers, promised_days=5, ceiling_cents=1000, currency="USD", carriers=frozenset({"USPS"})
    )
    assert chosen.rate == offers[1]


def to(
    country: str = "US", state: str = "CA", street1: str = "1 Main St", street2: str = ""
) -> PostalAddress:
    return PostalAddress(name="R", street1=street1, street2=street2, country=country, state=state)


@pytest.mark.parametrize(
    ("address", "customs", "carriers"),
    [
        (to(), False, None),
        (to("DE", ""), True, None),
        (to("US", "PR"), True, {"USPS"}),
        (to("PR", ""), True, {"USPS"}),
        (to("US", "AP"), True, {"USPS"}),
        (to("US", " ae "), True, {"USPS"}),
        (to(street1="PO Box 12"), False, {"USPS"}),
        (to(street2="P.O. box 12"), False, {"USPS"}),
        (to(street1="p o BOX 12"), False, {"USPS"}),
        (to("DE", "", "Postfach 12"), True, {"USPS"}),
        (to(street1="5 Boxwood Street"), False, None),
    ],
)
def test_case_18_what_an_address_asks_of_its_parcel(
    address: PostalAddress, customs: bool, carriers: set[str] | None
) -> None:
    assert needs_customs(to=address, from_country="US") is customs
    assert allowed_carriers(address) == carriers
    assert is_po_box(address) is (
        "box 12" in (address.street1 + address.street2).lower() or "Postfach" in address.street1
    )


def key(sku: str = "KD-A", *, weight_g: int = 3, value_cents: int = 2900) -> Content:
    return Content(sku, f"Security key {sku}", weight_g, 45, 18, 4, "847180", "SE", value_cents, "USD")


def test_case_21_a_customs_line_states_value_and_weight_of_the_whole_line() -> None:
    lines = customs_lines([key("KD-C"), key("KD-A"), key("KD-A")])
    assert [(line.code, line.quantity, line.value_cents, line.weight_g) for line in lines] == [
        ("KD-A", 2, 5800, 6),
        ("KD-C", 1, 2900, 3),
    ]


def test_customs_take_nothing_for_worth_nothing() -> None:
    with pytest.raises(AssertionError):
        customs_lines([key(value_cents=0)])


@pytest.mark.parametrize(("pieces", "needed"), [(86, False), (87, True)])
def test_more_than_2500_dollars_of_one_hs_code_need_an_export_filing(pieces: int, needed: bool) -> None:
    assert needs_export_filing(customs_lines([key()] * pieces)) is needed


def test_case_22_a_parcel_weighs_its_keys_and_its_envelope() -> None:
    parcel = parcel_for([key(), key()])
    assert (parcel.weight_g, parcel.height_mm) == (22, 16)
    with pytest.raises(AssertionError):
        parcel_for([key(weight_g=0)])


@pytest.mark.parametrize(("grams", "ounces"), [(1, 0.1), (22, 0.8), (28, 1.0), (29, 1.1), (454, 16.1)])
def test_case_22_ounces_are_rounded_up(grams: int, ounces: float) -> None:
    assert parsing.ounces(grams) == ounces


# A machine that is busy draws slowly, which says nothing of the rule.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.integers(1, 400)), min_size=1, max_size=20))
def test_customs_lines_never_outweigh_their_parcel(keys: list[tuple[str, int]]) -> None:
    weights = dict(keys)
    contents = [key(sku, weight_g=weights[sku]) for sku, _ in keys]
    lines = customs_lines(contents)
    declared = sum(parsing.ounces_at_most(line.weight_g) for line in lines)
    assert declared <= parsing.ounces(parcel_for(contents).weight_g)


@pytest.mark.parametrize(
    ("code", "status", "answer"),
    [
        ("SHIPMENT.POSTAGE.EXISTS", 422, PurchaseAnswer.BOUGHT_BEFORE),
        ("SHIPMENT.POSTAGE.EXISTS", 500, PurchaseAnswer.BOUGHT_BEFORE),
        ("SHIPMENT.MISSING_RATE", 422, PurchaseAnswer.STALE_RATE),
        ("SHIPMENT.POSTAGE.FAILURE", 422, PurchaseAnswer.REFUSED),
        ("SHIPMENT.CUSTOMS_INFO.DESCRIPTION_REQUIRED", 422, PurchaseAnswer.REFUSED),
        ("PAYMENT_REQUIRED", 402, PurchaseAnswer.REFUSED_US),
        ("MODE.CONFLICT", 403, PurchaseAnswer.REFUSED_US),
        ("RATE_LIMITED", 429, PurchaseAnswer.LATER),
        ("SHIPMENT.PURCHASE.IN_PROGRESS", 422, PurchaseAnswer.UNKNOWN),
        ("SHIPMENT.PURCHASE.FAILURE", 422, PurchaseAnswer.UNKNOWN),
        ("SHIPMENT.POSTAGE.TIMED_OUT", 422, PurchaseAnswer.UNKNOWN),
        ("SHIPMENT.POSTAGE.FAILURE", 503, PurchaseAnswer.UNKNOWN),
        ("SHIPMENT.POSTAGE.FAILURE", None, PurchaseAnswer.UNKNOWN),
        ("NOT_FOUND", 404, PurchaseAnswer.UNKNOWN),
        ("", 200, PurchaseAnswer.UNKNOWN),
    ],
)
def test_only_listed_refusals_are_definite(code: str, status: int | None, answer: PurchaseAnswer) -> None:
    assert read_answer(code, status) is answer


@pytest.mark.parametrize(
    ("attempts", "age", "since_look", "step"),
    [
        (1, 3 * MINUTE, None, Recovery.LOOK_AGAIN),
        (1, 4 * MINUTE, MINUTE, Recovery.LOOK_AGAIN),
        (1, 5 * MINUTE, 2 * MINUTE, Recovery.BUY_AGAIN),
        (3, 5 * MINUTE, 2 * MINUTE, Recovery.BUY_AGAIN),
        (4, 5 * MINUTE, 2 * MINUTE, Recovery.GIVE_UP),
        (4, 3 * MINUTE, None, Recovery.LOOK_AGAIN),
        (1, timedelta(hours=24), None, Recovery.GIVE_UP),
    ],
)
def test_a_purchase_is_repeated_after_two_empty_looks_and_not_for_ever(
    attempts: int, age: timedelta, since_look: timedelta | None, step: Recovery
) -> None:
    assert (
        after_an_empty_look(
            attempts=attempts,
            buy_started_at=NOW - age,
            looked_at=None if since_look is None else NOW - since_look,
            settle=2 * MINUTE,
            now=NOW,
        )
        is step
    )


STATUSES = [
    "unknown",
    "pre_transit",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "available_for_pickup",
    "return_to_sender",
    "failure",
    "cancelled",
    "error",
]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_the_vendor_documents_is_known(status: str) -> None:
    assert read_status(status, "status_update").case is not CaseReason.UNKNOWN_STATUS


@pytest.mark.parametrize(
    ("status", "detail", "state", "case"),
    [
        ("pre_transit", "label_created", None, None),
        ("in_transit", "", S.IN_TRANSIT, None),
        ("in_transit", "held", S.IN_TRANSIT, None),
        ("in_transit", "refused", S.IN_TRANSIT, CaseReason.DELIVERY_PROBLEM),
        ("available_for_pickup", "arrived_at_pickup_location", S.IN_TRANSIT, None),
        ("delivered", "arrived_at_destination", S.DELIVERED, None),
        ("return_to_sender", "return", S.RETURNING, CaseReason.RETURNED),
        ("failure", "failure", None, CaseReason.DELIVERY_PROBLEM),
        ("failure", "lost", S.LOST, CaseReason.LOST),
        ("cancelled", "cancelled", None, CaseReason.DELIVERY_PROBLEM),
        ("error", "unknown", None, None),
        ("teleported", "", None, CaseReason.UNKNOWN_STATUS),
        ("in_transit", "swallowed", S.IN_TRANSIT, CaseReason.UNKNOWN_STATUS),
    ],
)
def test_what_a_status_means(
    status: str, detail: str, state: ShipmentState | None, case: CaseReason | None
) -> None:
    meaning = read_status(status, detail)
    assert (meaning.state, meaning.case) == (state, case)


@pytest.mark.parametrize(
    ("status", "minutes", "newest", "current", "weight"),
    [
        ("in_transit", 0, None, S.LABELLED, Relevance.COUNTS),
        ("delivered", 5, TrackingSignal("in_transit", NOW), S.IN_TRANSIT, Relevance.COUNTS),
        ("in_transit", -5, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.STALE),
        ("in_transit", 0, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.DOUBTFUL),
        ("delivered", 0, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.COUNTS),
        ("in_transit", 5, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.DOUBTFUL),
        ("return_to_sender", 5, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.DOUBTFUL),
        ("delivered", 5, TrackingSignal("failure", NOW), S.LOST, Relevance.DOUBTFUL),
        ("pre_transit", 5, TrackingSignal("delivered", NOW), S.DELIVERED, Relevance.COUNTS),
    ],
)
def test_how_much_a_word_counts(
    status: str, minutes: int, newest: TrackingSignal | None, current: ShipmentState, weight: Relevance
) -> None:
    assert (
        relevance_of(TrackingSignal(status, NOW + minutes * MINUTE), newest=newest, current=current) is weight
    )


ON_THE_WAY = sorted(ACCOUNT_OF)


@pytest.mark.parametrize("current", ON_THE_WAY)
@pytest.mark.parametrize("status", [*STATUSES, "teleported"])
@pytest.mark.parametrize("detail", ["", "lost", "refused", "new_word"])
def test_every_change_is_in_the_tables_of_parcel_and_ledger(
    current: ShipmentState, status: str, detail: str
) -> None:
    done = tracking_change(current, read_status(status, detail))
    if done.state is None:
        return
    assert done.counts
    assert done.state in SHIPMENT_TRANSITIONS[current]
    account = ACCOUNT_OF[current]
    for goal, reason in moves_between(current, done.state):
        assert move_allowed(account, goal, reason)
        account = goal
    assert account == ACCOUNT_OF[done.state]


@pytest.mark.parametrize("status", ["in_transit", "delivered"])
def test_a_parcel_on_its_way_back_or_never_sent_is_moved_by_a_person_only(status: str) -> None:
    for current in (S.RETURNING, S.CANCELLED, S.PLANNED):
        done = tracking_change(current, read_status(status, ""))
        assert (done.state, done.counts) == (None, False)
        assert done.case is not None


@pytest.mark.parametrize(
    ("express_days", "paid_cents", "terms"),
    [(None, 0, (15, 4500)), (4, 2500, (4, 7000)), (30, 0, (15, 4500))],
    ids=["standard", "express, with what was paid for it", "express is never slower than standard"],
)
def test_express_is_faster_and_may_cost_what_was_paid_for_it(
    express_days: int | None, paid_cents: int, terms: tuple[int, int]
) -> None:
    from fulfillment.postage.rules.rates import rate_terms

    answer = rate_terms(
        promised_days=15, ceiling_cents=4500, express_days=express_days, paid_cents=paid_cents
    )
    assert (answer.promised_days, answer.ceiling_cents) == terms
