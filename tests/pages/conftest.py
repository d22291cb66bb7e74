"""People who look at the pages."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.test import Client
from playwright.sync_api import Browser

from common import clock
from config.models import User
from tests.browser import launched


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    """The edge of the process reads the test's clock."""
    with clock.reading(lambda: now):
        yield


@pytest.fixture
def signed_in(sign_in_of: Callable[[str], User]) -> Callable[[str], Client]:
    """A client of one of the cast, signed in."""

    def make(username: str) -> Client:
        client = Client()
        client.force_login(sign_in_of(username))
        return client

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running
