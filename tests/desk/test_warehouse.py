"""Floor mode without a browser: each step by posting its form, what is refused, and at what cost."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from desk.models import Station, StationStep
from desk.roles import Role
from desk.warehouse.scan_sessions import work_scan
from desk.warehouse.scan_workflow import Scanned
from desk.warehouse.views import STEPS
from fulfillment.cases.models import Case
from fulfillment.claims.models import Campaign
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import FloorScan, LabelPurchase, Manifest, PickList, Shipment
from fulfillment.tracking.services.carrier_events import _apply
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse.services.picking import make_pick_list, take_pick_list
from inventory.models import Count, Lot, Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from tests.conftest import USB_A
from tests.desk.conftest import StaffWith
from tests.fulfillment.warehouse.scans import Floor, people, serials, tracking_code

ROBIN = "staff:robin"


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


@pytest.fixture
def parcels(
    campaign: Campaign, stock: None, tmp_path: Path, address: PostalAddress, now: datetime
) -> list[Shipment]:
    """Three labelled parcels of three people, on a list that nobody walks with yet."""
    floor = Floor(campaign, now)
    made = [floor.label(floor.claim(name, address)) for name in people(tmp_path, 3, now=now)]
    make_pick_list(actor="staff:lead", now=now)
    for parcel in made:
        parcel.refresh_from_db()
    return made


@pytest.fixture
def bins(db: None) -> None:
    add_warehouse(
        code="MAIN", name="Main", bins=["A-01", "B-07"], quarantine="Q-01", contact_name="Desk",
        street1="1 Road", city="Town", country="US",
    )  # fmt: skip


class Table:
    """Somebody at one step, scanning."""

    def __init__(self, client: Client, step: StationStep, *, actor: str = ROBIN) -> None:
        self.client, self.step, self.actor = client, step, actor
        self.scans = 0

    def scan(self, text: str, *, key: str = "", **more: str) -> dict[str, Any]:
        """The answer as a script gets it."""
        self.scans += 1
        sent = {"scan": text, "key": key or f"{self.step}-{self.actor[6:]}-{self.scans:04}", **more}
        answer = self.client.post(
            f"/desk/floor/{self.step}/scan/", sent, headers={"Accept": "application/json"}
        )
        assert answer.status_code in (200, 422)
        found: dict[str, Any] = answer.json()
        assert found["is_good"] == (answer.status_code == 200)
        return found

    def lately(self) -> dict[str, Any]:
        newest: dict[str, Any] = Station.objects.get(actor=self.actor, step=self.step).lately[0]
        return newest

    def refused(self, text: str, code: str) -> None:
        assert not self.scan(text)["is_good"]
        assert self.lately()["code"] == code, self.lately()


@pytest.fixture
def at(staff_with: StaffWith) -> Callable[[StationStep], Table]:
    """Robin, a packer who keeps stock, too, at a step."""
    client = staff_with(Role.PACKER, Role.STOCK_KEEPER)
    return lambda step: Table(client, step)


class TestPack:
    def test_label_keys_seal(self, parcels: list[Shipment], at: Callable[[StationStep], Table]) -> None:
        table, parcel = at(StationStep.PACK), parcels[0]
        assert "Scan a key" in table.scan(tracking_code(parcel))["due"]
        for serial in serials(parcel):
            table.scan(serial)
        assert parcel.seal_number in table.scan("/undo")["panel"]
        table.scan("/ASIDE")
        table.scan(parcel.code)
        answer = table.scan(serials(parcel)[1])
        assert answer["due"] == f"Scan seal {parcel.seal_number}"
        assert "is sealed" in table.scan(parcel.seal_number)["panel"]
        parcel.refresh_from_db()
        assert parcel.sealed_by == ROBIN

    def test_what_does_not_belong_is_refused_and_nothing_is_half_done(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table, (one, two, _) = at(StationStep.PACK), parcels
        keys = serials(one)
        table.refused(keys[0], "wrong_thing")  # a key where a label is due
        table.refused("9400100999999999999999", "unknown_label")
        table.refused("\x1d?<script>", "unknown_label")
        table.scan(one.code)
        table.refused(two.code, "wrong_thing")  # a label where a key is due
        table.refused("NOBODYS-KEY", "unknown_serial")
        table.scan(keys[0])
        table.refused(keys[0], "already_done")
        table.refused(one.seal_number, "wrong_thing")
        assert FloorScan.objects.count() == 1
        table.scan(keys[1])
        table.refused("T-00000000", "wrong_seal")
        table.refused(two.code, "wrong_thing")
        assert Unit.objects.filter(account="packed").count() == 2

    def test_after_a_wrong_label_no_key_goes_into_the_parcel_before(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table, (one, _, _) = at(StationStep.PACK), parcels
        for text in (one.code, *serials(one), one.seal_number, "S-000000000000"):
            table.scan(text)
        table.refused(serials(parcels[1])[0], "wrong_thing")
        assert Unit.objects.filter(account="packed").count() == 2

    def test_the_same_scan_sent_again_is_answered_and_does_nothing(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table, (one, _, _) = at(StationStep.PACK), parcels
        table.scan(one.code)
        first = table.scan(serials(one)[0], key="scan-of-today-1")
        again = table.scan(serials(one)[0], key="scan-of-today-1")
        assert (again["is_good"], again["due"]) == (True, first["due"])
        assert FloorScan.objects.count() == 1
        table.scan("/UNDO", key="undo-of-today-1")
        table.scan("/UNDO", key="undo-of-today-1")
        # A late twin, after others: the services know its key.
        assert table.scan(serials(one)[0], key="scan-of-today-1")["is_good"]
        assert Unit.objects.filter(account="packed").count() == 0

    def test_a_form_opened_before_does_not_put_keys_into_another_parcel(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table, (one, two, _) = at(StationStep.PACK), parcels
        table.scan(one.code)
        table.scan("/ASIDE")
        table.scan(two.code)
        assert not table.scan(serials(two)[0], shown=one.code)["is_good"]
        assert table.lately()["code"] == "stale"
        assert not FloorScan.objects.exists()

    def test_a_parcel_somebody_began_is_theirs_until_it_is_taken_over(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table], staff_with: StaffWith
    ) -> None:
        robin, one = at(StationStep.PACK), parcels[0]
        kim = Table(staff_with(Role.PACKER, username="kim"), StationStep.PACK, actor="staff:kim")
        robin.scan(one.code)
        kim.scan(one.code)
        robin.scan(serials(one)[0])
        kim.refused(serials(one)[1], "parcel_taken")
        assert "staff:robin started" in kim.scan("/ASIDE")["panel"] + kim.scan(one.code)["panel"]
        kim.scan("/TAKE-OVER")
        assert kim.scan(serials(one)[1])["is_good"]

    def test_without_scripts_the_form_posts_and_the_page_shows_what_came_of_it(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        client = at(StationStep.PACK).client
        answer = client.post("/desk/floor/pack/scan/", {"scan": parcels[0].code, "key": "posted-01"})
        assert (answer.status_code, answer["Location"]) == (302, "/desk/floor/pack/")
        page = client.get("/desk/floor/pack/").content.decode()
        assert f"Parcel {parcels[0].code} to US" in page
        client.post("/desk/floor/pack/scan/", {"scan": "<b>x</b>", "key": "posted-02"})
        page = client.get("/desk/floor/pack/").content.decode()
        assert "Refused." in page
        assert "<b>x" not in page.lower()
        assert "Robin Example" not in page


class TestPick:
    def test_a_list_is_taken_walked_undone_and_given_up(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table, made = at(StationStep.PICK), PickList.objects.get()
        assert "Scan a key" in table.scan(made.code)["due"]
        wanted = [serial for parcel in parcels for serial in serials(parcel)]
        for serial in wanted:
            assert table.scan(serial)["is_good"]
        assert table.scan("/UNDO")["is_good"]
        table.refused(wanted[0], "already_done")
        table.refused(parcels[0].code, "wrong_thing")
        table.scan("/ASIDE")
        made.refresh_from_db()
        assert made.picker == ""

    def test_a_list_is_one_persons(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table], now: datetime
    ) -> None:
        table, made = at(StationStep.PICK), PickList.objects.get()
        take_pick_list(code=made.code, actor="staff:kim", now=now)
        table.refused(made.code, "pick_list_taken")
        assert table.scan(f"{made.code}/TAKE-OVER")["is_good"]

    def test_one_is_made_of_what_waits(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.PICK)
        table.refused("/NEW", "nothing_to_pick")
        PickList.objects.update(picker=ROBIN, taken_at=clock.now())
        table.scan(PickList.objects.get().code)
        assert "move to the next list" in table.scan("/CLOSE")["panel"]
        assert "You have list" in table.scan("/NEW")["panel"]


class TestStock:
    def test_a_delivery_is_named_scanned_and_received(
        self, stock: None, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.RECEIVE)
        table.refused("NEW-0001", "refused")
        delivery = {"sku": USB_A, "lot_reference": "LOT-77", "expected_quantity": "3"}
        assert table.client.post("/desk/floor/receive/delivery/", delivery).status_code == 302
        table.scan("new-0001")
        table.scan("NEW-0002")
        table.refused("NEW-0001", "already_done")
        table.refused(serials(parcels[0])[0], "serial_seen_before")
        table.refused(tracking_code(parcels[0]), "wrong_thing")
        table.refused(parcels[0].code, "wrong_thing")
        table.refused("ß?", "bad_serials")
        table.scan("NEW-0003")
        table.scan("/UNDO")
        assert not Unit.objects.filter(serial__startswith="NEW-").exists()
        table.scan("/DONE", key="done-of-today")
        table.scan("/DONE", key="done-of-today")
        assert Lot.objects.get(reference="LOT-77").units.count() == 2
        table.refused("/DONE", "refused")

    def test_a_delivery_needs_its_model_and_lot(
        self, stock: None, at: Callable[[StationStep], Table]
    ) -> None:
        client = at(StationStep.RECEIVE).client
        answer = client.post("/desk/floor/receive/delivery/", {"sku": "NO-SUCH", "lot_reference": "=1+1"})
        assert answer.status_code == 422
        assert not Station.objects.filter(hand__has_key="lot").exists()

    def test_keys_are_put_away_by_scanning_them_and_then_the_bin(
        self, stock: None, bins: None, at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.PUT_AWAY)
        one, two = Unit.objects.values_list("serial", flat=True)[:2]
        table.refused("MAIN/A-01", "refused")
        table.scan(one)
        table.scan(two)
        table.refused("NOBODYS-KEY", "unknown_serial")
        table.refused("MAIN/Z-99", "unknown_bin")
        table.refused("MAIN/Q-01", "wrong_bin")
        assert "2 keys are in MAIN/A-01" in table.scan("main/a-01")["panel"]
        table.scan(two)
        assert "1 keys are in MAIN/B-07" in table.scan("MAIN/B-07")["panel"]

    def test_a_bin_is_counted_blind(
        self, stock: None, bins: None, at: Callable[[StationStep], Table], now: datetime
    ) -> None:
        here = list(Unit.objects.values_list("serial", flat=True)[:3])
        put_away(serials=here, bin_label="MAIN/A-01", actor="staff", now=now)
        table = at(StationStep.COUNT)
        table.refused(here[0], "unknown_bin")
        opened = table.scan("MAIN/A-01")
        assert here[2] not in opened["panel"]
        table.scan(here[0])
        table.scan(here[1])
        table.refused("MAIN/B-07", "wrong_thing")
        assert "1 differ" in table.scan("MAIN/A-01")["panel"]
        assert Count.objects.get().state == "counted"

    def test_a_bin_is_counted_by_one_person(
        self, stock: None, bins: None, at: Callable[[StationStep], Table], staff_with: StaffWith
    ) -> None:
        robin = at(StationStep.COUNT)
        kim = Table(staff_with(Role.STOCK_KEEPER, username="kim"), StationStep.COUNT, actor="staff:kim")
        robin.scan("MAIN/A-01")
        kim.refused("MAIN/A-01", "bin_is_being_counted")
        robin.scan("/ASIDE")
        assert kim.scan("MAIN/A-01")["is_good"]


class TestHandOver:
    def test_sealed_parcels_go_on_a_manifest_and_out(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.PACK)
        for parcel in parcels[:2]:
            for text in (parcel.code, *serials(parcel), parcel.seal_number):
                assert table.scan(text)["is_good"]
        url = "/desk/floor/hand-over/"
        table.client.post(url, {"carrier": "USPS"})
        manifest = Manifest.objects.get()
        assert manifest.shipments.count() == 2
        again = table.client.post(url, {"carrier": "USPS"})
        assert again.status_code == 409
        assert "No parcel is ready" in again.content.decode()
        assert table.client.post(url, {"gone": manifest.code}).status_code == 409
        Manifest.objects.filter(pk=manifest.pk).update(state="making")
        Manifest.objects.filter(pk=manifest.pk).update(state="ready")
        table.client.post(url, {"take_off": tracking_code(parcels[1])})
        assert (
            parcels[1].code
            not in table.client.get(f"/desk/floor/manifests/{manifest.code}/").content.decode()
        )
        for _ in range(2):
            assert table.client.post(url, {"gone": manifest.code}).status_code == 302
        assert Shipment.objects.filter(handed_over_at__isnull=False).count() == 1
        table.refused(parcels[0].code, "not_to_pack")

    def test_papers_without_a_label_file_are_refused_with_what_to_do(
        self, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        answer = at(StationStep.PACK).client.post(f"/desk/floor/papers/{parcels[0].code}/")
        assert answer.status_code == 409
        assert "No label file" in answer.content.decode()


def costs(context: CaptureQueriesContext) -> list[str]:
    """The statements of a request but those of who asks (session, user, roles) and transactions' marks."""
    who = ('"django_session"', '"config_user"', '"desk_appointment"')
    marks = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
    said = [str(query["sql"]) for query in context.captured_queries]
    return [sql for sql in said if not sql.startswith(marks) and not any(name in sql for name in who)]


def test_a_scan_is_one_round_trip_of_at_most_five_queries(
    parcels: list[Shipment], bins: None, at: Callable[[StationStep], Table]
) -> None:
    one = parcels[0]
    shelf = Unit.objects.available().first()
    assert shelf is not None
    pick, pack, away, count = (
        at(step) for step in (StationStep.PICK, StationStep.PACK, StationStep.PUT_AWAY, StationStep.COUNT)
    )
    receive = at(StationStep.RECEIVE)
    for table in (pick, pack, away, count, receive):
        table.scan("?")  # the station's row is made the first time
    pick.scan(PickList.objects.get().code)
    count.scan("MAIN/A-01")
    delivery = {"sku": USB_A, "lot_reference": "LOT-77"}
    receive.client.post("/desk/floor/receive/delivery/", delivery)
    key = serials(one)
    for table, text in (
        (pick, key[0]),
        (pick, "/UNDO"),
        (pack, one.code),
        (pack, key[0]),
        (pack, "NOBODYS-KEY"),
        (pack, "/UNDO"),
        (pack, key[0]),
        (pack, key[1]),
        (pack, one.seal_number),
        (pack, "/UNDO"),
        (away, shelf.serial),
        (away, "/UNDO"),
        (count, shelf.serial),
        (count, "/UNDO"),
        (receive, "NEW-0001"),
        (receive, "/UNDO"),
    ):
        with CaptureQueriesContext(connection) as context:
            table.scan(text)
        # Taking back looks up what; before a refusal is said, it is looked up whether its twin was good.
        most = 6 if text in ("NOBODYS-KEY", "/UNDO") else 5
        assert len(costs(context)) <= most, (table.step, text, costs(context))


# What is done once with many keys, or with two at once: more than a scan, and however many keys there are.
DONE_AT_ONCE = {
    "an exchange with the shelf": 14,
    "a list made": 14,
    "a list put back": 9,
    "a delivery received": 16,
    "a tray put away": 12,
    "a count begun": 8,
    "a count submitted": 14,
    "a manifest made": 16,
    "a parcel taken off": 10,
    "a manifest handed over": 12,
}


def test_what_is_done_with_many_keys_at_once_takes_as_many_queries_whatever_their_number(
    parcels: list[Shipment], bins: None, at: Callable[[StationStep], Table]
) -> None:
    pick, pack, away, count = (
        at(step) for step in (StationStep.PICK, StationStep.PACK, StationStep.PUT_AWAY, StationStep.COUNT)
    )
    receive = at(StationStep.RECEIVE)
    found: dict[str, int] = {}

    def measure(name: str, act: Callable[[], object]) -> None:
        with CaptureQueriesContext(connection) as context:
            act()
        found[name] = max(found.get(name, 0), len(costs(context)))

    def tray(table: Table, prefix: str, number: int) -> None:
        for each in range(number):
            table.scan(f"{prefix}-{each:04}")

    PickList.objects.update(closed_at=clock.now())
    Shipment.objects.update(pick_list=None)
    measure("a list made", lambda: pick.scan("/NEW"))
    measure("a list put back", lambda: pick.scan("/ASIDE"))
    one = parcels[0]
    pack.scan(one.code)
    wanted = Unit.objects.get(serial=serials(one)[0])
    other = Unit.objects.available().filter(key_model=wanted.key_model_id).first()
    assert other is not None
    measure("an exchange with the shelf", lambda: pack.scan(other.serial))
    for number, prefix in ((2, "FEW"), (30, "MANY")):
        delivery = {"sku": USB_A, "lot_reference": f"LOT {prefix}"}
        receive.client.post("/desk/floor/receive/delivery/", delivery)
        tray(receive, prefix, number)
        measure("a delivery received", lambda: receive.scan("/DONE"))
        tray(away, prefix, number)
        measure("a tray put away", lambda: away.scan("MAIN/A-01"))
        measure("a count begun", lambda: count.scan("MAIN/A-01"))
        tray(count, prefix, number - 1)
        measure("a count submitted", lambda: count.scan("MAIN/A-01"))
        Count.objects.filter(state="counted").update(state="cancelled", closed_at=clock.now())
    for parcel in parcels:
        parcel.refresh_from_db()
        for text in (parcel.code, *serials(parcel), parcel.seal_number):
            pack.scan(text)
    url = "/desk/floor/hand-over/"
    measure("a manifest made", lambda: pack.client.post(url, {"carrier": "USPS"}))
    manifest = Manifest.objects.get()
    measure("a parcel taken off", lambda: pack.client.post(url, {"take_off": tracking_code(parcels[2])}))
    Manifest.objects.filter(pk=manifest.pk).update(state="making")
    Manifest.objects.filter(pk=manifest.pk).update(state="ready")
    measure("a manifest handed over", lambda: pack.client.post(url, {"gone": manifest.code}))
    over = {name: number for name, number in found.items() if number > DONE_AT_ONCE[name]}
    assert not over
    assert set(found) == set(DONE_AT_ONCE)


def test_scans_of_noise_never_break_a_step(db: None, at: Callable[[StationStep], Table]) -> None:
    noise = [
        "",
        " ",
        "\x00",
        "/",
        "//",
        "/UNDO",
        "/DONE",
        "/TAKE-OVER",
        "P-",
        "x" * 5000,
        "\u202e",
        "MAIN/",
        "𝟘𝟘𝟘𝟘",
    ]
    for step in StationStep:
        table = at(step)
        for text in noise:
            assert not table.scan(text)["is_good"], (step, text)


def test_a_scan_that_lost_its_answer_to_another_window_is_worked_once(
    parcels: list[Shipment], at: Callable[[StationStep], Table], now: datetime
) -> None:
    """Two windows of one person read the same station; who comes second sees what the first did."""
    table, one = at(StationStep.PACK), parcels[0]
    table.scan(one.code)
    first = serials(one)[0]
    real = STEPS[StationStep.PACK]
    interrupted: list[bool] = []

    def meanwhile(hand: dict[str, Any], scan: Scanned) -> str:
        said = real.handle(hand, scan)
        if not interrupted:
            interrupted.append(True)
            work_scan(
                Scanned("window-2-0001", serials(one)[1], ROBIN, now),
                step=StationStep.PACK,
                scan_step=real,
            )
        return said

    slow = type(real)(**{**vars(real), "handle": meanwhile})
    station = work_scan(Scanned("window-1-0001", first, ROBIN, now), step=StationStep.PACK, scan_step=slow)
    assert [key["is_packed"] for key in station.hand["keys"]] == [True, True]
    assert Unit.objects.filter(account="packed").count() == 2


class TestTakingBack:
    @pytest.fixture
    def out(self, parcels: list[Shipment], bins: None, now: datetime) -> Shipment:
        """A parcel that the carrier brings back."""
        for status in ("in_transit", "return_to_sender"):
            purchase = LabelPurchase.objects.select_related("shipment").get(shipment=parcels[0])
            _apply(
                purchase,
                TrackerState(status, "", now),
                said_at=now,
                webhook=None,
                now=now,
                is_confirmed=True,
            )
        return parcels[0]

    def test_label_keys_bin(self, out: Shipment, at: Callable[[StationStep], Table]) -> None:
        table = at(StationStep.TAKE_BACK)
        one, two = serials(out)
        assert table.scan(tracking_code(out))["shown"] == out.code
        assert table.scan(one)["is_good"]
        assert table.scan(two)["due"] == "Scan the quarantine bin"
        assert table.scan("MAIN/Q-01")["is_good"]
        assert table.lately()["text"] == (
            f"Parcel {out.code} is back, 2 keys in quarantine. They are in MAIN/Q-01."
        )
        assert {Unit.objects.get(serial=serial).account for serial in (one, two)} == {"quarantine"}
        out.refresh_from_db()
        assert out.state == "back"
        again = table.scan(out.code)
        assert not again["is_good"]
        assert "back with us" in table.lately()["text"]

    def test_a_key_that_is_missing_and_one_of_another_parcel_become_cases(
        self, out: Shipment, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.TAKE_BACK)
        table.scan(out.code)
        table.scan(serials(out)[0])
        stranger = serials(parcels[1])[0]
        assert "not sent in this parcel" in (table.scan(stranger) and table.lately()["text"])
        table.scan("MAIN/Q-01")
        assert "1 missing" in table.lately()["text"]
        assert Case.objects.filter(shipment=out, reason="wrong_keys").exists()

    def test_a_parcel_that_came_empty_is_taken_in_empty(
        self, out: Shipment, at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.TAKE_BACK)
        table.scan(out.code)
        assert table.scan("", command="/DONE")["is_good"]
        assert "2 missing" in table.lately()["text"]

    def test_what_cannot_come_back_is_refused_and_nothing_happens(
        self, out: Shipment, parcels: list[Shipment], at: Callable[[StationStep], Table]
    ) -> None:
        table = at(StationStep.TAKE_BACK)
        for text, why in (
            (parcels[1].code, "refund it instead"),
            ("NOT-A-LABEL-OF-OURS", "No parcel has the label"),
            ("/DONE", "There is no current parcel"),
        ):
            assert not table.scan(text)["is_good"]
            assert why in table.lately()["text"]
        table.scan(out.code)
        assert not table.scan("NOBODYS-KEY")["is_good"]
        for text, why in (("MAIN/A-01", "not a quarantine bin"), ("MAIN/Q-01", "The parcel was empty")):
            assert not table.scan(text)["is_good"]
            assert why in table.lately()["text"]
        table.scan("", command="/ASIDE")
        out.refresh_from_db()
        assert out.state == "returning"
        assert not Unit.objects.filter(account="quarantine").exists()
