"""Claims read and changed through the API."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from common import clock
from common.invariants import verify_all
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.services.shipment_callbacks import record_shipped, start_label
from fulfillment.vault.models import Opening
from fulfillment.vault.services import open_address
from inventory.selectors import available_count
from inventory.services.reservations import Wanted, reserve
from tests.api.conftest import Body, Caller, assert_problem, bad_fields
from tests.conftest import MakeClaim

pytestmark = pytest.mark.usefixtures("roster", "stock")


def test_one_claim_is_read_by_its_code(caller: Caller, make_claim: MakeClaim) -> None:
    claim = make_claim("m-second")
    document = caller.get(f"/claims/{claim.code}").json()
    assert document["code"] == claim.code
    assert document["maintainer"] == "m-second"
    assert document["country"] == "US"


def test_an_unknown_code_is_not_found(caller: Caller) -> None:
    assert_problem(caller.get("/claims/C-000000000000"), 404, "unknown_claim")


def test_the_carriers_code_is_shown_once_the_parcel_is_sent(
    caller: Caller, make_claim: MakeClaim, now: datetime
) -> None:
    claim = make_claim("m-owner")
    start_label(claim_id=claim.pk, now=now)
    claim.refresh_from_db()
    record_shipped(claim, carrier="USPS", tracking_code="9400100000000000000000", now=now)
    document = caller.get(f"/claims/{claim.code}").json()
    assert document["state"] == "shipped"
    assert document["tracking"] == {"carrier": "USPS", "tracking_code": "9400100000000000000000"}


def test_lists_come_in_pages_in_the_order_of_change(
    caller: Caller, make_claim: MakeClaim, now: datetime
) -> None:
    codes = [
        make_claim(name, now=now + timedelta(seconds=n)).code
        for n, name in enumerate(("m-owner", "m-second", "m-org"))
    ]
    first = caller.get("/claims?limit=2").json()
    assert [claim["code"] for claim in first["items"]] == codes[:2]
    second = caller.get(f"/claims?limit=2&cursor={first['next']}").json()
    assert [claim["code"] for claim in second["items"]] == codes[2:]
    assert second["next"] is None


def test_claims_that_changed_in_the_same_instant_are_neither_lost_nor_doubled(
    caller: Caller, make_claim: MakeClaim
) -> None:
    codes = {make_claim(name).code for name in ("m-owner", "m-second", "m-org")}
    seen, cursor = [], ""
    while True:
        page = caller.get(f"/claims?limit=1{cursor}").json()
        seen += [claim["code"] for claim in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(codes)


def test_only_what_changed_since_can_be_asked_for(
    caller: Caller, make_claim: MakeClaim, now: datetime
) -> None:
    make_claim("m-owner")
    later = make_claim("m-second", now=now + timedelta(minutes=5))
    since = (now + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    listed = caller.get(f"/claims?updated_since={since}").json()["items"]
    assert [claim["code"] for claim in listed] == [later.code]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=WyJ4Il0", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=WyIyMDIyIiwgIngiXQ", "cursor"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2022-07-11T12:00:00", "updated_since"),
    ],
)
def test_a_list_that_cannot_be_is_refused(caller: Caller, query: str, field: str) -> None:
    document = assert_problem(caller.get(f"/claims?{query}"), 422, "invalid")
    assert list(bad_fields(document)) == [field]


def test_a_page_takes_as_many_queries_as_one_claim(
    caller: Caller, make_claim: MakeClaim, django_assert_max_num_queries: Any, now: datetime
) -> None:
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
    for name in ("m-owner", "m-second"):
        make_claim(name)
    # Token, its use, the count of calls; claims, items, models, sendings, places.
    with django_assert_max_num_queries(8):
        listed = caller.get("/claims").json()["items"]
    assert [claim["place"] for claim in sorted(listed, key=lambda claim: claim["maintainer"])] == [1, 2]


def test_no_answer_holds_the_address(caller: Caller, make_claim: MakeClaim) -> None:
    claim = make_claim("m-owner")
    for answer in (caller.get("/claims"), caller.get(f"/claims/{claim.code}")):
        assert "Montgomery" not in answer.content.decode()
    assert not Opening.objects.exists()


class TestCancelling:
    def test_the_keys_come_back(self, caller: Caller, make_claim: MakeClaim) -> None:
        claim = make_claim("m-owner")
        answer = caller.post(f"/claims/{claim.code}/cancel")
        assert answer.json()["state"] == "cancelled"
        assert available_count() == 20
        assert verify_all().ok

    def test_it_is_too_late_once_the_label_is_started(
        self, caller: Caller, make_claim: MakeClaim, now: datetime
    ) -> None:
        claim = make_claim("m-owner")
        start_label(claim_id=claim.pk, now=now)
        assert_problem(caller.post(f"/claims/{claim.code}/cancel"), 409, "too_late")
        assert available_count() == 18

    def test_an_unknown_claim_cannot_be(self, caller: Caller) -> None:
        assert_problem(caller.post("/claims/C-000000000000/cancel"), 404, "unknown_claim")


class TestReviewing:
    def test_an_approved_claim_gets_its_keys(self, caller: Caller, make_claim: MakeClaim) -> None:
        claim = make_claim("m-org")
        answer = caller.post(
            f"/claims/{claim.code}/review", {"outcome": "approve", "note": "named by the team"}
        )
        assert answer.json()["state"] == "accepted"
        event = ClaimEvent.objects.get(claim=claim, name="approved")
        assert event.actor == "token:index-sync"

    def test_a_rejected_claim_is_closed(self, caller: Caller, make_claim: MakeClaim) -> None:
        claim = make_claim("m-org")
        answer = caller.post(f"/claims/{claim.code}/review", {"outcome": "reject", "note": "no person named"})
        assert answer.json()["state"] == "rejected"

    def test_a_claim_not_in_review_is_left_alone(self, caller: Caller, make_claim: MakeClaim) -> None:
        claim = make_claim("m-owner")
        answer = caller.post(f"/claims/{claim.code}/review", {"outcome": "reject", "note": "x"})
        assert_problem(answer, 409, "not_in_review")
        assert Claim.objects.get(pk=claim.pk).state == "accepted"

    @pytest.mark.parametrize(
        ("body", "bad"),
        [
            ({}, {"outcome": "required", "note": "required"}),
            ({"outcome": "perhaps", "note": ""}, {"outcome": "unknown_value", "note": "required"}),
            ({"outcome": "approve", "note": "a\x00b"}, {"note": "bad_character"}),
            ({"outcome": "approve", "note": "x" * 501}, {"note": "string_too_long"}),
            ({"outcome": "approve", "note": "x", "by": "me"}, {"by": "unknown_field"}),
        ],
    )
    def test_a_review_that_cannot_be_is_refused(
        self, caller: Caller, make_claim: MakeClaim, body: Body, bad: dict[str, str]
    ) -> None:
        claim = make_claim("m-org")
        document = assert_problem(caller.post(f"/claims/{claim.code}/review", body), 422, "invalid")
        assert bad_fields(document) == bad


class TestTheAddress:
    NEW = {
        "name": "Robin Example",
        "street1": "1 Main Street",
        "city": "Redmond",
        "state": "WA",
        "postal_code": "98052",
        "country": "US",
    }

    def test_it_can_be_changed_within_the_country(
        self, caller: Caller, make_claim: MakeClaim, now: datetime
    ) -> None:
        claim = make_claim("m-owner")
        answer = caller.put(f"/claims/{claim.code}/shipping-address", self.NEW)
        assert answer.status_code == 200
        assert "Main Street" not in answer.content.decode()
        held = open_address(subject=claim.code, purpose=Opening.Purpose.LABEL, actor="staff", now=now)
        assert held.city == "Redmond"

    def test_another_country_is_another_decision(self, caller: Caller, make_claim: MakeClaim) -> None:
        claim = make_claim("m-owner")
        german = {
            "name": "R",
            "street1": "Weg 1",
            "city": "Berlin",
            "postal_code": "10117",
            "country": "DE",
            "phone": "5555550100",
        }
        answer = caller.put(f"/claims/{claim.code}/shipping-address", german)
        document = assert_problem(answer, 422, "invalid")
        assert bad_fields(document) == {"shipping_address.country": "other_country"}

    @pytest.mark.parametrize("body", [None, [], "x", {}, {"country": "US"}])
    def test_a_bad_one_is_refused(self, caller: Caller, make_claim: MakeClaim, body: Any) -> None:
        claim = make_claim("m-owner")
        answer = caller.put(f"/claims/{claim.code}/shipping-address", body)
        assert assert_problem(answer, 422, "invalid")["errors"]

    def test_it_is_too_late_once_the_label_is_started(
        self, caller: Caller, make_claim: MakeClaim, now: datetime
    ) -> None:
        claim = make_claim("m-owner")
        start_label(claim_id=claim.pk, now=now)
        assert_problem(caller.put(f"/claims/{claim.code}/shipping-address", self.NEW), 409, "too_late")


class TestEligibility:
    def test_every_rule_has_its_verdict(self, caller: Caller, campaign: Any) -> None:
        decision = caller.get("/maintainers/m-owner/eligibility?country=US").json()
        assert decision["outcome"] == "eligible"
        rules = [verdict["rule"] for verdict in decision["verdicts"]]
        assert "on_critical_roster" in rules
        assert "region" in rules

    def test_without_a_country_the_region_is_not_passed(self, caller: Caller, campaign: Any) -> None:
        decision = caller.get("/maintainers/M-OWNER/eligibility").json()
        assert decision["headline"] == "region"

    def test_an_unknown_maintainer_is_not_found(self, caller: Caller, campaign: Any) -> None:
        assert_problem(caller.get("/maintainers/nobody/eligibility"), 404, "unknown_maintainer")
        assert_problem(caller.get("/maintainers/a%00b/eligibility"), 404, "not_found")

    def test_an_unknown_campaign_is_not_found(self, caller: Caller) -> None:
        assert_problem(caller.get("/maintainers/m-owner/eligibility?campaign=none"), 404, "unknown_campaign")


def test_after_the_end_nobody_is_let_in(caller: Caller, claim_body: Body, now: datetime) -> None:
    with clock.reading(lambda: now + timedelta(days=25)):
        document = assert_problem(caller.post("/claims", claim_body), 403, "ineligible")
    assert document["decision"]["headline"] == "roster_fresh"
