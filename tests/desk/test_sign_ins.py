"""Sign-ins of staff are in the activity log; those of maintainers are not."""

from collections.abc import Callable

import pytest
from django.test import Client

from config.models import User
from desk.models import AuditEntry
from desk.roles import Role


@pytest.fixture(autouse=True)
def _sign_ins_are_not_recorded() -> None:
    """Here they are."""


def test_staff_who_sign_in_and_out_are_in_the_trail(make_staff: Callable[..., User]) -> None:
    client = Client()
    client.force_login(make_staff("robin", Role.VIEWER))
    client.post("/sign-in/logout/")
    told = AuditEntry.objects.order_by("position").values_list("actor", "action", "subject")
    assert list(told) == [("staff:robin", "signed_in", "robin"), ("staff:robin", "signed_out", "robin")]


def test_maintainers_who_sign_in_are_not(db: None) -> None:
    Client().force_login(User.objects.create(username="maintainer:m-owner"))
    assert not AuditEntry.objects.exists()
