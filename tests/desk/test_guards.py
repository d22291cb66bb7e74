"""Two people at the same wave, review, count, case or campaign: nothing is overwritten; without its guard it is.

In each race the second person's request is sent while the first's has looked and not yet written. With the
guard the second waits, and is refused or gets what is left; with the guard out the test shows what is lost.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.db.models import QuerySet
from django.test import Client
from django.utils.module_loading import import_string

from common import clock
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Campaign, Claim
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.shipments.models import PickList
from fulfillment.shipments.services.cases import open_case
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Count, KeyModel, Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from inventory.services.counts import count_bin
from tests.conftest import USB_A, MakeClaim
from tests.desk.conftest import StaffWith
from tests.desk.forms import form_at
from tests.fulfillment.warehouse.scans import Floor, people

pytestmark = pytest.mark.django_db(transaction=True)
# Longer than the second needs where nothing holds it up.
WHILE_S = 1.0
Send = Callable[[], int]
Race = Callable[[str, Send, Send], tuple[int, int]]
WITH_AND_WITHOUT = pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "without its guard"])


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now + timedelta(hours=1)):
        yield


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch) -> Iterator[Race]:
    """Send the first; where it comes to the function named, send the second and let it run while it can."""
    pool = ThreadPoolExecutor(1)

    def run(where: str, first: Send, second: Send) -> tuple[int, int]:
        real, started = import_string(where), threading.Event()
        sent: list[Future[int]] = []

        def second_in_a_thread() -> int:
            try:
                return second()
            finally:
                connections.close_all()

        def meanwhile(*args: Any, **given: Any) -> Any:
            if not started.is_set():
                started.set()
                sent.append(pool.submit(second_in_a_thread))
                wait(sent, timeout=WHILE_S)
            return real(*args, **given)

        module, _, name = where.rpartition(".")
        monkeypatch.setattr(f"{module}.{name}", meanwhile)
        answered = first()
        return answered, sent[0].result(timeout=30)

    yield run
    pool.shutdown()


@pytest.fixture
def robin(staff_with: StaffWith) -> Client:
    return staff_with(*Role)


@pytest.fixture
def kim(staff_with: StaffWith) -> Client:
    return staff_with(*Role, username="kim")


def without_row_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)


def told() -> list[str]:
    return list(AuditEntry.objects.order_by("position").values_list("actor", flat=True))


@WITH_AND_WITHOUT
def test_a_review(
    is_guarded: bool, stock: None, make_claim: MakeClaim, robin: Client, kim: Client, race: Race,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    claim = make_claim("m-org")
    if not is_guarded:
        without_row_locks(monkeypatch)

    def decide(client: Client, verdict: str) -> int:
        form = {"verdict": verdict, "note": "Looked at."}
        return client.post(f"/desk/claims/{claim.code}/review/", form).status_code

    answers = race(
        "fulfillment.claims.services.amendments_and_reviews._approve",
        lambda: decide(robin, "approve"),
        lambda: decide(kim, "reject"),
    )
    state = Claim.objects.get(pk=claim.pk).state
    if is_guarded:
        assert (answers, state, told()) == ((302, 409), "accepted", ["staff:robin"])
    else:
        # Both are told that theirs was done.
        assert (answers, state, sorted(told())) == ((302, 302), "rejected", ["staff:kim", "staff:robin"])


@pytest.fixture
def a_case(campaign: Campaign, stock: None, make_claim: MakeClaim, now: datetime) -> Case:
    parcel = Floor(campaign, now).label(make_claim())
    open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now)
    return Case.objects.get()


@pytest.fixture
def a_case_about_money(now: datetime) -> Case:
    open_payment_case(about="po_unknown", reason=CaseReason.UNKNOWN_MONEY, now=now)
    return Case.objects.get()


@WITH_AND_WITHOUT
@pytest.mark.parametrize(("kind", "place"), [("a_case", "cases"), ("a_case_about_money", "cases/money")])
def test_a_case(
    kind: str, place: str, is_guarded: bool, robin: Client, kim: Client, race: Race,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case = request.getfixturevalue(kind)
    if not is_guarded:
        monkeypatch.setattr("desk.forms.edit_conflicts.refuse_stale_entries", lambda *_, **__: None)

    def work(client: Client, action: str, **more: str) -> int:
        form = {"action": action, "seen": 0, **more}
        return client.post(f"/desk/{place}/{case.code}/work/", form).status_code

    answers = race(
        "desk.views.cases._do",
        lambda: work(robin, "close", outcome="no_fault"),
        lambda: work(kim, "note", note="They called: it is another one after all."),
    )
    case.refresh_from_db()
    if is_guarded:
        assert (answers, case.closed_at, told()) == ((409, 302), None, ["staff:kim"])
    else:
        # Robin closes it without having read what kim was told.
        assert answers == (302, 302)
        assert case.closed_by == "staff:robin"


@WITH_AND_WITHOUT
def test_a_count(
    is_guarded: bool, stock: None, robin: Client, kim: Client, race: Race, now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add_warehouse(
        code="MAIN", name="Main", bins=["A-01"], quarantine="Q-01", contact_name="Desk", street1="1 Road",
        city="Town", country="US",
    )  # fmt: skip
    here = list(Unit.objects.values_list("serial", flat=True)[:2])
    put_away(serials=here, bin_label="MAIN/A-01", actor="staff", now=now)
    count = count_bin(bin_label="MAIN/A-01", serials=here[:1], actor="staff:lee", now=now)
    if not is_guarded:
        without_row_locks(monkeypatch)

    def settle(client: Client) -> int:
        form = {f"reason-{here[1]}": "miscounted"}
        return client.post(f"/desk/counts/{count.code}/", form).status_code

    def both() -> tuple[int, int]:
        return race("inventory.services.counts._lock_unmoved", lambda: settle(robin), lambda: settle(kim))

    if is_guarded:
        assert both() == (302, 409)
    else:
        # Both decide on the same differences; the database has the last word, and robin gets no sentence.
        with pytest.raises(IntegrityError, match="given once"):
            both()
    by = "staff:robin" if is_guarded else "staff:kim"
    assert (Count.objects.get(pk=count.pk).approved_by, told()) == (by, [by])


@WITH_AND_WITHOUT
def test_a_wave_to_pick(
    is_guarded: bool, campaign: Campaign, stock: None, tmp_path: Path, address: PostalAddress, robin: Client,
    kim: Client, race: Race, now: datetime, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    floor = Floor(campaign, now)
    for name in people(tmp_path, 2, now=now):
        floor.label(floor.claim(name, address))
    if not is_guarded:
        without_row_locks(monkeypatch)

    def make(client: Client) -> int:
        sent = {"scan": "/NEW", "key": "new-list-of-mine"}
        headers = {"Accept": "application/json"}
        return client.post("/desk/floor/pick/scan/", sent, headers=headers).status_code

    answers = race(
        "fulfillment.warehouse.services.picking.assign_seals", lambda: make(robin), lambda: make(kim)
    )
    parcels = {made.picker: made.shipments.count() for made in PickList.objects.all()}
    if is_guarded:
        assert (answers, parcels) == ((200, 422), {"staff:robin": 2})
    else:
        # Kim's list takes the parcels that robin walks for.
        assert parcels == {"staff:robin": 0, "staff:kim": 2}


@WITH_AND_WITHOUT
@pytest.mark.parametrize("what", ["campaign", "key_model"])
def test_what_the_programme_is_set_to(
    is_guarded: bool, what: str, campaign: Campaign, robin: Client, kim: Client, race: Race,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url, where, field = {
        "campaign": (
            f"/desk/programme/campaigns/{campaign.slug}/",
            "fulfillment.claims.campaigns.setup._set",
            "offer_days",
        ),
        "key_model": (
            f"/desk/programme/key-models/{USB_A}/",
            "inventory.services.key_models._set",
            "weight_g",
        ),
    }[what]
    forms = {client: form_at(client, url) for client in (robin, kim)}
    if not is_guarded:
        without_row_locks(monkeypatch)

    def change(client: Client, value: str) -> int:
        return client.post(url, forms[client] | {field: value}).status_code

    answers = race(where, lambda: change(robin, "11"), lambda: change(kim, "22"))
    row: Any = Campaign.objects.get() if what == "campaign" else KeyModel.objects.get(sku=USB_A)
    before = list(AuditEntry.objects.order_by("position").values_list(f"before__{field}", flat=True))
    if is_guarded:
        assert (answers, getattr(row, field), len(before)) == ((302, 409), 11, 1)
    else:
        # The second overwrites the first, and the trail has it change the same thing.
        assert answers == (302, 302)
        assert len(before) == 2
        assert before[0] == before[1]
