"""The table of moves, serials, and which key models serve a request."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.rules import (
    CLEAN_ACCOUNTS,
    HOLDING_ACCOUNTS,
    MOVES,
    TAINTING_ACCOUNTS,
    Account,
    Allocation,
    ModelStock,
    Reason,
    Shortage,
    Wanted,
    clean_serials,
    is_actor,
    is_reference,
    move_allowed,
    plan_allocation,
)

OLD = datetime(2022, 6, 1, tzinfo=UTC)
USB_A, USB_C, USB_C_OTHER = 1, 2, 3


def reachable(start: Account) -> set[Account]:
    found: set[Account] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        for origin, to in MOVES:
            if origin == here and to not in found:
                found.add(to)
                ahead.append(to)
    return found


@pytest.mark.parametrize("tainted", TAINTING_ACCOUNTS)
def test_no_chain_of_moves_leads_from_outside_back_into_stock(tainted: Account) -> None:
    assert reachable(tainted).isdisjoint(CLEAN_ACCOUNTS)


def test_every_account_can_be_reached_from_the_supplier() -> None:
    assert reachable(Account.SUPPLIER) == set(Account) - {Account.SUPPLIER}


def test_units_become_somebodys_only_by_being_reserved() -> None:
    taking = {(a, b) for a, b in MOVES if b in HOLDING_ACCOUNTS and a not in HOLDING_ACCOUNTS}
    assert taking == {(Account.AVAILABLE, Account.RESERVED)}


def test_every_reason_is_in_the_table() -> None:
    assert frozenset().union(*MOVES.values()) == set(Reason)


@pytest.mark.parametrize(
    ("origin", "to", "reason", "allowed"),
    [
        ("reserved", "packed", "pack", True),
        ("delivered", "in_transit", "correct", True),
        ("lost", "delivered", "correct", True),
        ("quarantine", "destroyed", "destroy", True),
        ("reserved", "packed", "deliver", False),
        ("quarantine", "available", "released", False),
        ("returned", "available", "return", False),
        ("available", "delivered", "deliver", False),
        ("nowhere", "available", "receive", False),
        ("available", "reserved", "because", False),
    ],
)
def test_moves_are_those_of_the_table(origin: str, to: str, reason: str, allowed: bool) -> None:
    assert move_allowed(origin, to, reason) is allowed


def test_serials_are_trimmed_and_upper_cased() -> None:
    assert clean_serials([" ab-12\n", "CD34"]) == (["AB-12", "CD34"], [])


@pytest.mark.parametrize(
    ("serial", "problem"),
    [
        ("", "shorter"),
        ("ABC", "shorter"),
        ("A" * 10_000, "longer"),
        ("AB 12", "characters"),
        ("\ufeffAB12", "characters"),
        ("١٢٣٤", "characters"),
        ("straße", "characters"),
        ('=HYPERLINK("http://x.example","y")', "characters"),
        ("AB12\nCD34", "characters"),
    ],
)
def test_what_is_no_serial_is_named_with_its_position(serial: str, problem: str) -> None:
    clean, problems = clean_serials(["GOOD-1", serial])
    assert clean == ["GOOD-1"]
    assert [(found.position, problem in found.problem) for found in problems] == [(1, True)]


def test_a_serial_twice_in_the_list_is_named_even_in_another_case() -> None:
    assert [found.position for found in clean_serials(["AB12", "CD34", "ab12"])[1]] == [2]


@pytest.mark.parametrize("actor", ["staff:ada", "system:receive_stock", "claimant", "token:abc.1"])
def test_actors_are_roles(actor: str) -> None:
    assert is_actor(actor)


@pytest.mark.parametrize(
    "actor", ["ada@example.org", "staff:ada@example.org", "staff:a b", "Staff:ada", "", "staff:a\n"]
)
def test_actors_are_never_addresses(actor: str) -> None:
    assert not is_actor(actor)


@pytest.mark.parametrize("reference", ["C-7K2M", "PO 2022/17", "shipment:S-1"])
def test_references_are_plain(reference: str) -> None:
    assert is_reference(reference)


@pytest.mark.parametrize("reference", ["", " x", "a\nb", "a\n", "x" * 81, "=1+1", "é"])
def test_references_hold_no_separators_or_formulas(reference: str) -> None:
    assert not is_reference(reference)


def stock(usb_a: int = 0, usb_c: int = 0, usb_c_other: int = 0) -> list[ModelStock]:
    return [
        model
        for model in (
            ModelStock(USB_A, "usb_a", usb_a, OLD + timedelta(days=2)),
            ModelStock(USB_C, "usb_c", usb_c, OLD + timedelta(days=1)),
            ModelStock(USB_C_OTHER, "usb_c", usb_c_other, OLD),
        )
        if model.available
    ]


ANY = None


@pytest.mark.parametrize(
    ("wanted", "available", "quantities"),
    [
        ([(ANY, 2)], stock(9, 9), {USB_A: 1, USB_C: 1}),
        ([(ANY, 2)], stock(9, 0), {USB_A: 2}),
        ([(ANY, 2)], stock(1, 9), {USB_A: 1, USB_C: 1}),
        ([(ANY, 4)], stock(1, 9), {USB_A: 1, USB_C: 3}),
        ([(ANY, 2)], stock(9, 9, 9), {USB_A: 1, USB_C_OTHER: 1}),
        ([(ANY, 1)], stock(9, 9), {USB_C: 1}),
        ([(USB_A, 1), (ANY, 1)], stock(9, 9), {USB_A: 1, USB_C: 1}),
        ([(ANY, 1), (USB_A, 1)], stock(1, 9), {USB_A: 1, USB_C: 1}),
        ([(USB_A, 1), (USB_A, 1)], stock(2, 9), {USB_A: 2}),
    ],
)
def test_any_is_one_of_each_connector_while_there_are(
    wanted: list[tuple[int | None, int]], available: list[ModelStock], quantities: dict[int, int]
) -> None:
    assert plan_allocation([Wanted(*item) for item in wanted], available) == Allocation(quantities)


@pytest.mark.parametrize(
    ("wanted", "available", "shortages"),
    [
        ([(ANY, 2)], stock(1, 0), (Shortage(None, 2, 1),)),
        ([(ANY, 2)], stock(), (Shortage(None, 2, 0),)),
        ([(USB_A, 2)], stock(1, 9), (Shortage(USB_A, 2, 1),)),
        ([(USB_A, 1), (USB_C, 3)], stock(0, 2), (Shortage(USB_A, 1, 0), Shortage(USB_C, 3, 2))),
        ([(USB_A, 2), (ANY, 1)], stock(2, 0), (Shortage(None, 1, 0),)),
    ],
)
def test_all_or_nothing_says_what_is_short(
    wanted: list[tuple[int | None, int]], available: list[ModelStock], shortages: tuple[Shortage, ...]
) -> None:
    assert plan_allocation([Wanted(*item) for item in wanted], available) == Allocation({}, shortages)
