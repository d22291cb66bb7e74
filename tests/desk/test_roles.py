"""Who may open which page: the whole table, and who may change it."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import resolve

from config.models import User
from desk.models import Appointment, AuditEntry, live_roles
from desk.permissions import may
from desk.roles import ALLOWED, Action, Role, who_may
from desk.services.appointments import NotAppointed, appoint, end_appointment
from desk.urls import urlpatterns
from tests.desk.conftest import StaffWith

MakeStaff = Callable[..., User]
PAGES = {
    "/desk/": Action.SEE_DESK,
    "/desk/claims/": Action.SEE_DESK,
    "/desk/parcels/": Action.SEE_DESK,
    "/desk/cases/": Action.SEE_DESK,
    "/desk/cases/money/": Action.SEE_DESK,
    "/desk/health/": Action.SEE_DESK,
    "/desk/stock/": Action.SEE_DESK,
    "/desk/second-names/": Action.SEE_PERSON,
    "/desk/counts/": Action.SETTLE_COUNT,
    "/desk/floor/": Action.SEE_DESK,
    "/desk/floor/receive/": Action.KEEP_STOCK,
    "/desk/floor/put-away/": Action.KEEP_STOCK,
    "/desk/floor/count/": Action.KEEP_STOCK,
    "/desk/floor/take-back/": Action.KEEP_STOCK,
    "/desk/floor/pick/": Action.PACK,
    "/desk/floor/pack/": Action.PACK,
    "/desk/floor/hand-over/": Action.PACK,
    "/desk/programme/": Action.RUN_PROGRAMME,
    "/desk/programme/waves/": Action.RUN_PROGRAMME,
    "/desk/programme/new-campaign/": Action.RUN_PROGRAMME,
    "/desk/programme/regions/": Action.RUN_PROGRAMME,
    "/desk/programme/regions.csv": Action.RUN_PROGRAMME,
    "/desk/programme/key-models/": Action.RUN_PROGRAMME,
    "/desk/programme/words/": Action.RUN_PROGRAMME,
    "/desk/programme/words/home.lead/": Action.RUN_PROGRAMME,
    "/desk/programme/mails/shipped/": Action.RUN_PROGRAMME,
    "/desk/programme/mails/shipped/de/": Action.RUN_PROGRAMME,
    "/desk/staff/": Action.APPOINT,
    "/desk/audit/": Action.SEE_AUDIT,
    "/desk/audit/export/": Action.SEE_AUDIT,
}


# What changes something, by POST; without a body each is refused or does nothing, but not for the role.
POSTS = {
    "/desk/claims/C-NONE/review/": Action.REVIEW_CLAIM,
    "/desk/claims/C-NONE/address/": Action.OPEN_ADDRESS,
    "/desk/claims/bulk/": Action.REVIEW_CLAIM,
    "/desk/claims/bulk/decide/": Action.REVIEW_CLAIM,
    "/desk/cases/K-NONE/work/": Action.WORK_CASE,
    "/desk/cases/money/Q-NONE/work/": Action.WORK_CASE,
    "/desk/claims/C-NONE/refund/": Action.MOVE_MONEY,
    "/desk/exceptions/0/": Action.APPROVE_EXCEPTION,
    "/desk/exceptions/0/revoke/": Action.APPROVE_EXCEPTION,
    "/desk/people/nobody/exceptions/": Action.PROPOSE_EXCEPTION,
    "/desk/projects/nothing/designate/": Action.RUN_PROGRAMME,
    "/desk/projects/nothing/rename/": Action.RUN_PROGRAMME,
    "/desk/appeals/0/": Action.PROPOSE_EXCEPTION,
    "/desk/floor/receive/delivery/": Action.KEEP_STOCK,
    "/desk/floor/receive/scan/": Action.KEEP_STOCK,
    "/desk/floor/put-away/scan/": Action.KEEP_STOCK,
    "/desk/floor/count/scan/": Action.KEEP_STOCK,
    "/desk/floor/take-back/scan/": Action.KEEP_STOCK,
    "/desk/floor/pick/scan/": Action.PACK,
    "/desk/floor/pack/scan/": Action.PACK,
    "/desk/floor/hand-over/": Action.PACK,
    "/desk/floor/papers/S-NONE/": Action.PACK,
    "/desk/programme/waves/": Action.RUN_PROGRAMME,
    "/desk/programme/campaigns/none/": Action.RUN_PROGRAMME,
    "/desk/programme/new-campaign/": Action.RUN_PROGRAMME,
    "/desk/programme/campaigns/none/prices/": Action.RUN_PROGRAMME,
    "/desk/programme/regions/": Action.RUN_PROGRAMME,
    "/desk/programme/regions/XX/": Action.RUN_PROGRAMME,
    "/desk/programme/regions/XX/key-models/": Action.RUN_PROGRAMME,
    "/desk/programme/key-models/": Action.RUN_PROGRAMME,
    "/desk/programme/key-models/NONE/": Action.RUN_PROGRAMME,
    "/desk/programme/words/home.lead/": Action.RUN_PROGRAMME,
    "/desk/programme/mails/shipped/try/": Action.RUN_PROGRAMME,
    "/desk/programme/policies/none/": Action.RUN_PROGRAMME,
    "/desk/programme/policies/none/preview/": Action.RUN_PROGRAMME,
    "/desk/programme/policies/none/publish/": Action.PUBLISH_POLICY,
    "/desk/staff/": Action.APPOINT,
    "/desk/staff/lost-keys/": Action.APPOINT,
    "/desk/staff/lost-keys/0/": Action.APPOINT,
}
# These can be looked at as well.
LOOKED_AT = (
    *("/desk/programme/campaigns/none/", "/desk/programme/campaigns/none/prices/"),
    *("/desk/programme/policies/none/", "/desk/programme/regions/XX/", "/desk/programme/key-models/NONE/"),
)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", POSTS)
def test_each_change_is_made_by_the_roles_of_the_table_and_no_other(
    path: str, role: Role, staff_with: StaffWith
) -> None:
    client = staff_with(role)
    assert (client.post(path).status_code == 403) == (role not in ALLOWED[POSTS[path]])
    # Nor by following a link, where the address only takes changes.
    if path in LOOKED_AT:
        assert client.get(path).status_code == (404 if role in ALLOWED[POSTS[path]] else 403)
    elif path not in PAGES:
        assert client.get(path).status_code == 405


def test_every_address_of_the_desk_is_in_one_of_the_tables() -> None:
    """A page added without a line in PAGES or POSTS is found here."""
    stories = {
        "claim",
        "person",
        "project",
        "unit",
        "case",
        "payment_case",
        "search",
        "manifest",
        "settle_count",
    }
    named = {resolve(path).url_name for path in (*PAGES, *POSTS)} | stories
    assert {pattern.name for pattern in urlpatterns} - named == set()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", PAGES)
def test_each_page_opens_for_the_roles_of_the_table_and_no_other(
    path: str, role: Role, staff_with: StaffWith
) -> None:
    answer = staff_with(role).get(path)
    assert answer.status_code == (200 if role in ALLOWED[PAGES[path]] else 403)


@pytest.mark.parametrize("path", PAGES)
def test_staff_without_a_role_are_told_which_would_do(path: str, staff_with: StaffWith) -> None:
    answer = staff_with().get(path)
    assert answer.status_code == 403
    assert all(role in answer.content.decode() for role in who_may(PAGES[path]))


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_sign_in(path: str, db: None) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert "/sign-in/" in answer["Location"]


def test_every_action_is_somebodys(db: None) -> None:
    assert set(ALLOWED) == set(Action)
    assert all(ALLOWED[action] for action in Action)
    assert may(frozenset({Role.PACKER}), Action.PACK)
    assert not may(frozenset({Role.VIEWER}), Action.PACK)


class TestAppointments:
    def test_it_opens_the_page_at_once_and_ends_at_once(self, make_staff: MakeStaff, now: datetime) -> None:
        chief, packer = make_staff("chief", Role.ADMINISTRATOR), make_staff("packer")
        appoint(user=packer, role=Role.PACKER, by=chief, now=now)
        assert live_roles(user_id=packer.pk) == {Role.PACKER}
        end_appointment(user=packer, role=Role.PACKER, by=chief, now=now)
        assert live_roles(user_id=packer.pk) == frozenset()
        told = AuditEntry.objects.order_by("position").values_list("action", "actor", "subject")
        assert list(told) == [
            ("appointed", "staff:chief", "packer"),
            ("appointment_ended", "staff:chief", "packer"),
        ]

    def test_nobody_appoints_themselves(self, make_staff: MakeStaff, now: datetime) -> None:
        chief = make_staff("chief", Role.ADMINISTRATOR)
        with pytest.raises(NotAppointed, match="another administrator"):
            appoint(user=chief, role=Role.AUDITOR, by=chief, now=now)
        with pytest.raises(IntegrityError, match="nobody_appoints_themselves"), transaction.atomic():
            Appointment.objects.create(user=chief, role=Role.AUDITOR, appointed_at=now, appointed_by=chief)
        assert not AuditEntry.objects.exists()

    def test_a_role_is_held_once(self, make_staff: MakeStaff, now: datetime) -> None:
        packer = make_staff("packer", Role.PACKER)
        with pytest.raises(NotAppointed, match="already"):
            appoint(user=packer, role=Role.PACKER, by=None, now=now)

    def test_maintainers_hold_no_roles(self, db: None, now: datetime) -> None:
        maintainer = User.objects.create(username="maintainer:m-owner")
        with pytest.raises(NotAppointed, match="Only staff"):
            appoint(user=maintainer, role=Role.PACKER, by=None, now=now)

    def test_the_page_appoints_and_refuses_with_a_sentence(
        self, staff_with: StaffWith, make_staff: MakeStaff
    ) -> None:
        chief, packer = staff_with(Role.ADMINISTRATOR, username="chief"), make_staff("packer")
        form = {"user": packer.pk, "role": "packer", "change": "appoint"}
        assert chief.post("/desk/staff/", form).status_code == 302
        assert live_roles(user_id=packer.pk) == {Role.PACKER}
        again = chief.post("/desk/staff/", form)
        assert again.status_code == 422
        assert "They are packer already." in again.content.decode()

    def test_the_command_makes_the_first_administrator(self, make_staff: MakeStaff) -> None:
        make_staff("chief")
        out = StringIO()
        call_command("appoint", "chief", "administrator", stdout=out)
        assert "chief is now administrator." in out.getvalue()
        with pytest.raises(CommandError, match="There is no sign-in named nobody"):
            call_command("appoint", "nobody", "viewer")

    def test_the_command_makes_the_sign_in_of_somebody_new(self, db: None) -> None:
        call_command("appoint", "robin", "packer", "--email", "robin@example.org", stdout=StringIO())
        user = User.objects.get()
        assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, False, False)
        assert live_roles(user_id=user.pk) == {Role.PACKER}
        for name, address, said in (
            ("robin", "other@example.org", "already exists"),
            ("alex", "ROBIN@example.org", "already exists"),
            ("alex", "nonsense", "valid email address"),
        ):
            with pytest.raises(CommandError, match=said):
                call_command("appoint", name, "packer", "--email", address)
        assert User.objects.count() == 1
