"""Staff of every kind."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from config.models import User
from desk.models import Appointment
from desk.roles import Role

StaffWith = Callable[..., Client]


@pytest.fixture(autouse=True)
def _security_keys_are_tested_elsewhere(settings: object) -> None:
    settings.STAFF_SECURITY_KEY_REQUIRED = False  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _sign_ins_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a trail holds what its test did; test_sign_ins.py has them."""
    monkeypatch.setattr("desk.sign_ins._record", lambda *_: None)


@pytest.fixture
def make_staff(db: None, now: datetime) -> Callable[..., User]:
    """A member of staff by name, in the roles given."""

    def make(username: str, *roles: Role) -> User:
        user = User.objects.create(username=username, email=f"{username}@example.org", is_staff=True)
        Appointment.objects.bulk_create(
            Appointment(user=user, role=role, appointed_at=now, appointed_by=None) for role in roles
        )
        return user

    return make


@pytest.fixture
def staff_with(make_staff: Callable[..., User]) -> StaffWith:
    """The browser of somebody who signed in, in the roles given."""

    def sign_in(*roles: Role, username: str = "robin") -> Client:
        client = Client()
        client.force_login(make_staff(username, *roles))
        return client

    return sign_in
