"""The queues' actions: many claims at once, cases by the playbook, second names, counts to settle."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from common import clock
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.services.amendments_and_reviews import review_claim
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.services.cases import open_case
from inventory.models import Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from inventory.services.counts import count_bin
from roster.models import Appeal, PolicyException
from roster.services.appeals import make_appeal
from roster.services.exceptions import request_exception
from tests.conftest import MakeClaim, Roster
from tests.desk.conftest import StaffWith
from tests.fulfillment.warehouse.scans import Floor


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


def told() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("position").values_list("actor", "action", "subject"))


@pytest.mark.usefixtures("stock")
class TestBulk:
    @pytest.fixture
    def held(self, make_claim: MakeClaim) -> Claim:
        claim = make_claim("m-org")
        assert claim.state == "in_review"
        return claim

    def preview(self, client: Any, *codes: str) -> list[str]:
        page = client.post("/desk/claims/bulk/", {"code": codes, "verdict": "approve"}).content.decode()
        return re.findall(r'name="seen"\s+value="([^"]+)"', page)

    def decide(self, client: Any, seen: list[str], verdict: str = "approve") -> Any:
        form = {"seen": [one.replace("&#x27;", "'") for one in seen], "verdict": verdict, "note": "Seen."}
        return client.post("/desk/claims/bulk/decide/", form)

    def test_many_are_looked_at_and_then_decided(
        self, held: Claim, make_claim: MakeClaim, staff_with: StaffWith
    ) -> None:
        client, other = staff_with(Role.REVIEWER), make_claim("m-owner")
        assert "checkbox" in client.get("/desk/claims/?state=in_review").content.decode()
        seen = self.preview(client, held.code, other.code, "C-NONE")
        assert len(seen) == 1, "only what is in review"
        answer = self.decide(client, seen)
        assert answer.status_code == 200
        held.refresh_from_db()
        assert held.state == "accepted"
        assert told() == [("staff:robin", "claim_approved", held.code)]

    def test_what_changed_meanwhile_is_named_and_left(
        self, held: Claim, staff_with: StaffWith, now: datetime
    ) -> None:
        client = staff_with(Role.REVIEWER)
        seen = self.preview(client, held.code)
        review_claim(
            code=held.code,
            approve=False,
            note="Too new.",
            reviewer="staff:kim",
            now=now + timedelta(minutes=1),
        )
        answer = self.decide(client, [*seen, "C-NONE=x"])
        assert answer.status_code == 409
        page = answer.content.decode()
        assert f"{held.code}: it has changed and is now" in page
        assert "C-NONE: claim not found" in page
        assert told() == []

    def test_a_preview_of_yesterday_decides_nothing(self, held: Claim, staff_with: StaffWith) -> None:
        client = staff_with(Role.REVIEWER)
        seen = self.preview(client, held.code)
        Claim.objects.filter(pk=held.pk).update(updated_at=held.updated_at + timedelta(seconds=1))
        assert self.decide(client, seen).status_code == 409
        held.refresh_from_db()
        assert held.state == "in_review"


class TestCases:
    @pytest.fixture
    def lost(self, campaign: Campaign, stock: None, make_claim: MakeClaim, now: datetime) -> Case:
        parcel = Floor(campaign, now).label(make_claim())
        Shipment.objects.filter(pk=parcel.pk).update(state="in_transit")
        for unit in Unit.objects.held_by(parcel.claim.code):
            assert unit.account == "reserved"
        open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now)
        return Case.objects.get()

    def work(self, client: Any, case: Case, action: str, seen: int = 0, **more: object) -> Any:
        return client.post(f"/desk/cases/{case.code}/work/", {"action": action, "seen": seen, **more})

    def test_a_case_is_taken_noted_and_closed(self, lost: Case, staff_with: StaffWith) -> None:
        client = staff_with(Role.REVIEWER)
        page = client.get(f"/desk/cases/{lost.code}/").content.decode()
        assert "Send replacements" in page
        assert "Montgomery" not in page
        assert self.work(client, lost, "take").status_code == 302
        assert self.work(client, lost, "note", 1).status_code == 422
        assert self.work(client, lost, "note", 1, note="They asked at the depot.").status_code == 302
        assert self.work(client, lost, "close", 2, outcome="no_fault").status_code == 302
        lost.refresh_from_db()
        assert (lost.closed_by, lost.outcome) == ("staff:robin", "no_fault")
        assert [action for _, action, _ in told()] == ["case_take", "case_note", "case_close"]

    def test_what_is_done_and_its_line_in_the_trail_are_one(
        self, lost: Case, staff_with: StaffWith, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A line that cannot be written leaves the case as it was."""

        def fail(**_: object) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr("desk.audit.recording.record_action", fail)
        for action in ("take", "note", "close"):
            client = staff_with(Role.REVIEWER, username=f"robin-{action}")
            with pytest.raises(RuntimeError):
                self.work(client, lost, action, note="Asked.", outcome="no_fault")
        lost.refresh_from_db()
        assert (lost.owner, lost.closed_at, lost.entries.count()) == ("", None, 0)

    def test_two_people_at_one_case_do_not_overwrite_each_other(
        self, lost: Case, staff_with: StaffWith
    ) -> None:
        robin, kim = staff_with(Role.REVIEWER), staff_with(Role.MANAGER, username="kim")
        self.work(robin, lost, "take")
        stale = self.work(kim, lost, "close", outcome="no_fault")
        assert (stale.status_code, "since you opened" in stale.content.decode()) == (409, True)
        taken = self.work(kim, lost, "close", 1, outcome="no_fault")
        assert (taken.status_code, "staff:robin is working on case" in taken.content.decode()) == (409, True)
        assert self.work(kim, lost, "take", 1, take_over="on").status_code == 302
        lost.refresh_from_db()
        assert (lost.owner, lost.closed_at) == ("staff:kim", None)

    def test_what_the_playbook_does_not_offer_is_refused(self, lost: Case, staff_with: StaffWith) -> None:
        client = staff_with(Role.REVIEWER)
        assert self.work(client, lost, "approve_postage", cents=100).status_code == 409
        assert self.work(client, lost, "nonsense").status_code == 422
        assert self.work(client, lost, "claim_insurance", cents="<b>", reference="x").status_code == 422
        assert told() == []


class TestSecondNames:
    @pytest.fixture
    def asked(self, roster: Roster, now: datetime) -> PolicyException:
        return request_exception(
            account_id=roster["m-guarded"].pk, rule="two_factor", reason="Lost both keys.",
            expires_at=now + timedelta(days=30), actor="staff:robin", now=now,
        )  # fmt: skip

    def test_the_second_name_grants_and_the_first_cannot(
        self, asked: PolicyException, staff_with: StaffWith
    ) -> None:
        robin, kim = staff_with(Role.MANAGER), staff_with(Role.MANAGER, username="kim")
        url = f"/desk/exceptions/{asked.pk}/"
        assert "another member of staff must approve it" in robin.get("/desk/second-names/").content.decode()
        assert robin.post(url, {"verdict": "grant"}).status_code == 409
        assert kim.post(url, {"verdict": "grant"}).status_code == 302
        asked.refresh_from_db()
        assert asked.granted_by == "staff:kim"
        assert kim.post(url, {"verdict": "grant"}).status_code == 409
        assert told() == [("staff:kim", "exception_granted", "m-guarded")]

    def test_refusing_needs_a_reason(self, asked: PolicyException, staff_with: StaffWith) -> None:
        kim = staff_with(Role.MANAGER, username="kim")
        assert kim.post(f"/desk/exceptions/{asked.pk}/", {"verdict": "refuse"}).status_code == 409
        form = {"verdict": "refuse", "because": "There is a key on file."}
        assert kim.post(f"/desk/exceptions/{asked.pk}/", form).status_code == 302
        assert told() == [("staff:kim", "exception_refused", "m-guarded")]

    def test_an_appeal_is_answered_once(self, roster: Roster, staff_with: StaffWith, now: datetime) -> None:
        appeal = make_appeal(
            account=roster["m-guarded"], rule="two_factor", text="<script>alert(1)</script> lost",
            actor="maintainer:1", now=now,
        )  # fmt: skip
        robin = staff_with(Role.REVIEWER)
        assert "<script>alert" not in robin.get("/desk/second-names/").content.decode()
        url = f"/desk/appeals/{appeal.pk}/"
        assert robin.post(url, {"verdict": "grant", "days": 30}).status_code == 422
        form = {"verdict": "grant", "days": 30, "answer": "We look again."}
        assert robin.post(url, form).status_code == 302
        assert robin.post(url, form).status_code == 409
        assert Appeal.objects.get().exception is not None
        assert PolicyException.objects.awaiting_a_second_name(now).count() == 1


def test_a_count_is_settled_by_somebody_else(stock: None, staff_with: StaffWith, now: datetime) -> None:
    add_warehouse(
        code="MAIN", name="Main", bins=["A-01"], quarantine="Q-01", contact_name="Desk", street1="1 Road",
        city="Town", country="US",
    )  # fmt: skip
    here = list(Unit.objects.values_list("serial", flat=True)[:3])
    put_away(serials=here, bin_label="MAIN/A-01", actor="staff", now=now)
    made = count_bin(bin_label="MAIN/A-01", serials=here[:2], actor="staff:robin", now=now)
    robin, kim = staff_with(Role.STOCK_KEEPER), staff_with(Role.STOCK_KEEPER, username="kim")
    url, reasons = f"/desk/counts/{made.code}/", {f"reason-{here[2]}": "lost"}
    assert made.code in kim.get("/desk/counts/").content.decode()
    assert robin.post(url, reasons).status_code == 409
    assert kim.post(url, {}).status_code == 409
    assert kim.post(url, reasons).status_code == 302
    assert Unit.objects.get(serial=here[2]).account == "missing"
    assert kim.post(url, reasons).status_code == 409
    assert told() == [("staff:kim", "count_approved", made.code)]
