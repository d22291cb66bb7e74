"""A claim at the desk: its story, the review, and its address opened for a reason."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from desk.models import AuditEntry
from desk.roles import ALLOWED, Action, Role
from fulfillment.claims.models import Campaign, Claim
from fulfillment.vault.models import Opening
from tests.conftest import MakeClaim
from tests.desk.conftest import StaffWith

pytestmark = pytest.mark.usefixtures("stock")
Queries = Callable[..., object]


@pytest.fixture
def held_claim(make_claim: MakeClaim, now: datetime) -> Claim:
    """A claim that the policy holds for a person: of organisation account."""
    claim = make_claim("m-org")
    assert claim.state == "in_review"
    return claim


def review(client: Client, claim: Claim, verdict: str = "approve", note: str = "Named by them.") -> int:
    return client.post(f"/desk/claims/{claim.code}/review/", {"verdict": verdict, "note": note}).status_code


class TestReview:
    @pytest.mark.parametrize(("verdict", "state"), [("approve", "accepted"), ("reject", "rejected")])
    def test_it_decides_and_leaves_a_trail(
        self, verdict: str, state: str, held_claim: Claim, staff_with: StaffWith
    ) -> None:
        assert review(staff_with(Role.REVIEWER), held_claim, verdict) == 302
        held_claim.refresh_from_db()
        assert held_claim.state == state
        entry = AuditEntry.objects.get(subject=held_claim.code)
        assert (entry.actor, entry.reason) == ("staff:robin", "Named by them.")
        assert (entry.before, entry.after) == ({"state": "in_review"}, {"state": state})

    def test_a_second_reviewer_learns_what_the_first_decided(
        self, held_claim: Claim, staff_with: StaffWith
    ) -> None:
        first, second = staff_with(Role.REVIEWER), staff_with(Role.REVIEWER, username="kim")
        assert review(first, held_claim) == 302
        answer = second.post(
            f"/desk/claims/{held_claim.code}/review/", {"verdict": "reject", "note": "Too new."}
        )
        assert answer.status_code == 409
        assert "Someone else has decided this claim" in answer.content.decode()
        held_claim.refresh_from_db()
        assert held_claim.state == "accepted"
        assert AuditEntry.objects.count() == 1

    def test_a_reason_is_asked_for(self, held_claim: Claim, staff_with: StaffWith) -> None:
        answer = staff_with(Role.REVIEWER).post(
            f"/desk/claims/{held_claim.code}/review/", {"verdict": "reject", "note": "  "}
        )
        assert answer.status_code == 422
        assert "Enter a reason." in answer.content.decode()

    @pytest.mark.parametrize("role", sorted(set(Role) - ALLOWED[Action.REVIEW_CLAIM]))
    def test_other_roles_do_not_decide(self, role: Role, held_claim: Claim, staff_with: StaffWith) -> None:
        assert review(staff_with(role), held_claim) == 403
        held_claim.refresh_from_db()
        assert held_claim.state == "in_review"


class TestAddress:
    def test_it_shows_only_what_was_asked_for_and_logs_it(
        self, make_claim: MakeClaim, staff_with: StaffWith
    ) -> None:
        claim, client = make_claim(), staff_with(Role.REVIEWER)
        page = client.get(f"/desk/claims/{claim.code}/").content.decode()
        assert "417 Montgomery Street" not in page
        opened = client.post(f"/desk/claims/{claim.code}/address/", {"purpose": "support"}).content.decode()
        assert "417 Montgomery Street" in opened
        opening = Opening.objects.get(subject=claim.code, actor="staff:robin")
        assert opening.purpose == "support"
        assert "staff:robin, to help the claimant" in opened

    def test_without_a_purpose_it_stays_sealed(self, make_claim: MakeClaim, staff_with: StaffWith) -> None:
        claim = make_claim()
        answer = staff_with(Role.REVIEWER).post(f"/desk/claims/{claim.code}/address/", {})
        assert answer.status_code == 422
        assert "417 Montgomery" not in answer.content.decode()
        assert not Opening.objects.filter(actor="staff:robin").exists()

    @pytest.mark.parametrize("role", sorted(set(Role) - ALLOWED[Action.OPEN_ADDRESS]))
    def test_other_roles_do_not_open_it(
        self, role: Role, make_claim: MakeClaim, staff_with: StaffWith
    ) -> None:
        claim = make_claim()
        answer = staff_with(role).post(f"/desk/claims/{claim.code}/address/", {"purpose": "support"})
        assert answer.status_code == 403
        assert not Opening.objects.filter(actor="staff:robin").exists()


class TestStories:
    @pytest.fixture
    def paths(self, make_claim: MakeClaim) -> list[str]:
        claim = make_claim()
        return [f"/desk/claims/{claim.code}/", "/desk/people/m-owner/", "/desk/projects/keystone-lib/"]

    def test_they_tell_it_all_in_a_fixed_number_of_queries(
        self, paths: list[str], staff_with: StaffWith, django_assert_max_num_queries: Queries
    ) -> None:
        client = staff_with(Role.MANAGER)
        for path in paths:
            with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
                answer = client.get(path)
            assert answer.status_code == 200

    def test_none_of_them_shows_an_address(self, paths: list[str], staff_with: StaffWith) -> None:
        client = staff_with(Role.MANAGER)
        for path in paths:
            page = client.get(path).content.decode()
            assert "Montgomery" not in page
            assert "owner@example.org" not in page

    def test_what_is_not_there_is_404(self, staff_with: StaffWith) -> None:
        client = staff_with(Role.MANAGER)
        for path in ("/desk/claims/C-NONE/", "/desk/people/nobody/", "/desk/projects/none/"):
            assert client.get(path).status_code == 404


class TestSearch:
    def found(self, client: Client, query: str) -> str:
        answer = client.get("/desk/search/", {"q": query})
        return str(answer.headers.get("Location", "")) or answer.content.decode()

    def test_a_whole_code_or_serial_leads_straight_there(
        self, make_claim: MakeClaim, staff_with: StaffWith
    ) -> None:
        claim, client = make_claim(), staff_with(Role.REVIEWER)
        assert self.found(client, f" {claim.code.lower()} ") == f"/desk/claims/{claim.code}/"

    def test_names_are_found_by_their_beginning(self, make_claim: MakeClaim, staff_with: StaffWith) -> None:
        make_claim()
        client = staff_with(Role.REVIEWER)
        assert self.found(client, "M-OWN") == "/desk/people/m-owner/"
        assert self.found(client, "Keystone") == "/desk/projects/keystone-lib/"
        assert "m-second" in self.found(client, "m-")

    @pytest.mark.parametrize(
        "noise", ["", " ", "%", "_", "\x00", "=HYPERLINK(1)", "x" * 5000, "\u202e", "'; --"]
    )
    def test_noise_finds_nothing_and_breaks_nothing(
        self, noise: str, make_claim: MakeClaim, staff_with: StaffWith
    ) -> None:
        make_claim()
        answer = staff_with(Role.REVIEWER).get("/desk/search/", {"q": noise})
        assert answer.status_code == 200
        assert "/desk/people/" not in answer.content.decode()

    def test_a_role_finds_only_what_it_may_see(self, make_claim: MakeClaim, staff_with: StaffWith) -> None:
        claim = make_claim()
        assert "No results for" in self.found(staff_with(Role.VIEWER), claim.code)


def test_lists_page_by_cursor_with_the_same_queries_however_many_there_are(
    campaign: Campaign,
    make_claim: MakeClaim,
    staff_with: StaffWith,
    django_assert_num_queries: Queries,
    now: datetime,
) -> None:
    make_claim()
    client = staff_with(Role.VIEWER)
    # Session, user, roles; what the filters offer; the claims.
    with django_assert_num_queries(7) as few:  # type: ignore[attr-defined]
        client.get("/desk/claims/")
    first = Claim.objects.get()
    Claim.objects.bulk_create(
        Claim(
            code=f"C-{number:04}",
            campaign=campaign,
            account=first.account,
            decision=first.decision,
            state="cancelled",
            country="US",
            service="standard",
            created_at=now + timedelta(minutes=number),
            updated_at=now,
        )
        for number in range(60)
    )
    with django_assert_num_queries(len(few.captured_queries)):  # type: ignore[attr-defined]
        page = client.get("/desk/claims/")
    assert len(page.context["page"].rows) == 50
    rest = client.get(f"/desk/claims/?{page.context['page'].more}")
    assert len(rest.context["page"].rows) == 11
    assert len(client.get("/desk/claims/?state=accepted").context["page"].rows) == 1
    assert client.get("/desk/claims/?after=9x").status_code == 200
