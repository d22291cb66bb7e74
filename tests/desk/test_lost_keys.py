"""Somebody of the staff lost their only security key: two others let them in again, and nobody else in."""

from collections.abc import Callable
from datetime import datetime

import pytest
from allauth.mfa.models import Authenticator
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client

from config.models import User
from desk.models import AuditEntry, LostKey
from desk.roles import Role
from desk.services.lost_keys import LostKeyRefused, report_lost_key, settle_lost_key
from tests.desk.conftest import StaffWith

pytestmark = pytest.mark.django_db
MakeStaff = Callable[..., User]


@pytest.fixture
def robin(make_staff: MakeStaff) -> User:
    """With two keys."""
    user = make_staff("robin", Role.PACKER)
    for name in ("blue", "red"):
        Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": name})
    return user


@pytest.fixture
def first(make_staff: MakeStaff) -> User:
    return make_staff("first", Role.ADMINISTRATOR)


@pytest.fixture
def second(make_staff: MakeStaff) -> User:
    return make_staff("second", Role.ADMINISTRATOR)


def report(robin: User, first: User, now: datetime) -> LostKey:
    return report_lost_key(user=robin, reason="We met.", by=first, now=now)


def test_two_others_take_every_key_off_and_end_every_session(
    robin: User, first: User, second: User, now: datetime
) -> None:
    laptop = Client()
    laptop.force_login(robin)
    assert laptop.get("/desk/").status_code == 200
    lost = report(robin, first, now)
    # One name changes nothing.
    assert Authenticator.objects.filter(user=robin).count() == 2
    assert laptop.get("/desk/").status_code == 200
    settle_lost_key(lost_id=lost.pk, takes_off=True, by=second, now=now)
    assert not Authenticator.objects.filter(user=robin).exists()
    assert laptop.get("/desk/").headers["Location"] == "/sign-in/login/code/?next=/desk/"
    told = AuditEntry.objects.order_by("position").values_list(
        "action", "actor", "subject", "reason", "after"
    )
    assert list(told) == [
        ("lost_key_reported", "staff:first", "robin", "We met.", {}),
        ("keys_taken_off", "staff:second", "robin", "We met.", {"keys_taken_off": 2}),
    ]


def test_nobody_elses_keys_or_sessions_are_touched(
    robin: User, first: User, second: User, now: datetime
) -> None:
    Authenticator.objects.create(user=first, type=Authenticator.Type.WEBAUTHN, data={})
    there = Client()
    there.force_login(first)
    settle_lost_key(lost_id=report(robin, first, now).pk, takes_off=True, by=second, now=now)
    assert Authenticator.objects.get().user == first
    assert there.get("/desk/staff/").status_code == 200


def test_refused_all_stays_and_it_can_be_reported_again(
    robin: User, first: User, second: User, now: datetime
) -> None:
    settle_lost_key(lost_id=report(robin, first, now).pk, takes_off=False, by=second, now=now)
    assert Authenticator.objects.filter(user=robin).count() == 2
    assert AuditEntry.objects.order_by("position").last().action == "lost_key_refused"  # type: ignore[union-attr]
    report(robin, first, now)


def test_nobody_is_both_names_and_nobody_their_own(
    robin: User, first: User, second: User, now: datetime
) -> None:
    with pytest.raises(LostKeyRefused, match="your own"):
        report_lost_key(user=robin, reason="It is me.", by=robin, now=now)
    with pytest.raises(LostKeyRefused, match="how you confirmed"):
        report_lost_key(user=robin, reason="  ", by=first, now=now)
    lost = report(robin, first, now)
    with pytest.raises(LostKeyRefused, match="already been reported"):
        report(robin, second, now)
    for nobody in (first, robin):
        with pytest.raises(LostKeyRefused, match="cannot confirm this report"):
            settle_lost_key(lost_id=lost.pk, takes_off=True, by=nobody, now=now)
        # The database has the last word.
        with pytest.raises(IntegrityError, match="a_lost_key_takes_two_others"), transaction.atomic():
            LostKey.objects.filter(pk=lost.pk).update(settled_by=nobody, settled_at=now)
    assert Authenticator.objects.filter(user=robin).count() == 2


def test_it_is_settled_once_and_stays(robin: User, first: User, second: User, now: datetime) -> None:
    lost = report(robin, first, now)
    settle_lost_key(lost_id=lost.pk, takes_off=False, by=second, now=now)
    with pytest.raises(LostKeyRefused, match="already been dealt with"):
        settle_lost_key(lost_id=lost.pk, takes_off=True, by=second, now=now)
    for change in (
        lambda: LostKey.objects.update(settled_at=None, settled_by=None),
        lambda: LostKey.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_maintainers_have_no_keys_here(first: User, now: datetime) -> None:
    maintainer = User.objects.create(username="maintainer:m-owner")
    with pytest.raises(LostKeyRefused, match="Only staff"):
        report_lost_key(user=maintainer, reason="We met.", by=first, now=now)


def test_the_page_asks_two_administrators(robin: User, staff_with: StaffWith) -> None:
    first = staff_with(Role.ADMINISTRATOR, username="first")
    second = staff_with(Role.ADMINISTRATOR, username="second")
    refused = first.post("/desk/staff/lost-keys/", {"user": robin.pk, "reason": ""})
    assert refused.status_code == 422
    assert "Enter how you confirmed their identity." in refused.content.decode()
    reported = first.post("/desk/staff/lost-keys/", {"user": robin.pk, "reason": "We met."}, follow=True)
    page = reported.content.decode()
    assert "Waiting for another administrator." in page
    assert "Remove the keys" not in page
    lost = LostKey.objects.get()
    own = first.post(f"/desk/staff/lost-keys/{lost.pk}/", {"verdict": "take_off"})
    assert own.status_code == 409
    assert Authenticator.objects.filter(user=robin).count() == 2
    assert "Remove the keys" in second.get("/desk/staff/").content.decode()
    done = second.post(f"/desk/staff/lost-keys/{lost.pk}/", {"verdict": "take_off"}, follow=True)
    assert "robin can now sign in with a code and add a new key" in done.content.decode()
    assert not Authenticator.objects.exists()
    again = second.post(f"/desk/staff/lost-keys/{lost.pk}/", {"verdict": "take_off"})
    assert again.status_code == 409
