"""Hostile text in every field that staff will see: shown as text, on every page, and by nothing worse than that."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from common import clock
from desk.audit import recording
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.cases.services import add_note
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.services.cases import open_case
from inventory.models import Unit
from inventory.services.bin_transfers import add_warehouse
from inventory.services.counts import count_bin
from roster.models import Account
from roster.services.appeals import make_appeal
from roster.services.exceptions import request_exception
from tests.conftest import MakeClaim, Roster
from tests.desk.conftest import StaffWith
from tests.desk.test_roles import PAGES

HOSTILE = """"'><script>alert(1)</script>{{7*7}}{% x %}\u202e"""
ROOMS = (
    "roster",
    "inventory",
    "claims",
    "vault",
    "notices",
    "cases",
    "payments",
    "shipping",
    "desk",
    "config",
)
# Names that addresses, forms and joins are made of; they are checked where they come in.
_WIRED = frozenset(
    {"code", "serial", "slug", "version", "sku", "username", "label", "subject", "reference", "claim_code"}
    | {
        "country",
        "currency",
        "password",
        "email",
        "holder",
        "held_for",
        "rule",
        "key",
        "connector",
        "actor",
        "language",
        "status",
    }
)


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now + timedelta(hours=1)):
        yield


@pytest.fixture
def pages(roster: Roster, make_claim: MakeClaim, stock: None, now: datetime) -> list[str]:
    """Something of everything that staff look at, and where they do."""
    claim, held = make_claim(), make_claim("m-org")
    parcel = Shipment.objects.create(claim=claim, created_at=now, updated_at=now)
    open_case(shipment=parcel, reason=CaseReason.NO_RATE, detail="none", now=now)
    case = Case.objects.get()
    add_note(code=case.code, note="Asked the carrier.", actor="staff:kim", now=now)
    person = Account.objects.get(username="m-owner")
    make_appeal(account=person, rule="role_age", text="Mine since 2014.", actor="maintainer:1", now=now)
    request_exception(
        account_id=person.pk, rule="email_age", reason="Known to us.", expires_at=now + timedelta(days=9),
        actor="staff:kim", now=now,
    )  # fmt: skip
    add_warehouse(
        code="MAIN", name="Main", bins=["A-01"], quarantine="Q-01", contact_name="Desk", street1="1 Road",
        city="Town", country="US",
    )  # fmt: skip
    count = count_bin(bin_label="MAIN/A-01", serials=[], actor="staff:kim", now=now)
    with transaction.atomic():
        recording.record_action(actor="staff:kim", action="noted", subject="X", reason="Why.", now=now)
    return [
        *(path for path in PAGES if not path.endswith((".csv", "/export/", "/de/"))),
        f"/desk/claims/{claim.code}/",
        f"/desk/claims/{held.code}/",
        "/desk/people/m-owner/",
        "/desk/projects/keystone-lib/",
        f"/desk/cases/{case.code}/",
        reverse("desk:settle_count", args=[count.code]),
        f"/desk/units/{Unit.objects.all()[0].serial}/",
        "/desk/programme/campaigns/keys-2022/",
        "/desk/programme/campaigns/keys-2022/prices/",
        "/desk/programme/regions/DE/",
        f"/desk/programme/policies/{claim.campaign.policy.version}/",
        "/desk/search/?q=m-",
    ]


def poison() -> list[str]:
    """Put the text into every free field there is, past triggers and services; which fields took it."""
    poisoned = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model in (model for room in ROOMS for model in apps.get_app_config(room).get_models()):
            for field in model._meta.concrete_fields:
                if _is_free(field) and _put(cursor, model._meta.db_table, field):
                    poisoned.append(f"{model.__name__}.{field.name}")
        cursor.execute("SET LOCAL session_replication_role = origin")
    return poisoned


def _is_free(field: "models.Field[Any, Any]") -> bool:
    if not isinstance(field, models.CharField | models.TextField) or isinstance(field, models.UUIDField):
        return False
    if field.choices or field.unique or field.primary_key or field.name in _WIRED:
        return False
    return isinstance(field, models.TextField) or (field.max_length or 0) >= len(HOSTILE)


def _put(cursor: Any, table: str, field: "models.Field[Any, Any]") -> int:
    try:
        with transaction.atomic():
            cursor.execute(f'UPDATE "{table}" SET "{field.column}" = %s', [HOSTILE])
    except IntegrityError:
        return 0  # The database takes no such text there.
    return int(cursor.rowcount)


def test_it_stays_text_on_every_page(pages: list[str], staff_with: StaffWith) -> None:
    client = staff_with(*Role)
    poisoned = set(poison())
    assert {
        "Case.detail", "CaseEntry.note", "Appeal.text", "PolicyException.reason",
        "Region.reason", "Region.source", "Campaign.name", "Campaign.sponsor", "AuditEntry.reason",
        "Project.name", "KeyModel.name",
    } <= poisoned, poisoned  # fmt: skip
    seen = 0
    for path in pages:
        page = text_of(client, path)
        assert "<script>alert" not in page, path
        assert "49{%" not in page, f"{path} takes it for a template"
        seen += page.count("&lt;script&gt;alert(1)")
    assert seen > 40, "it is there to be read"


def test_what_people_are_told_apart_by_is_escaped_as_well(
    make_claim: MakeClaim, stock: None, staff_with: StaffWith
) -> None:
    """Names that addresses are made of come from an index; whatever one lets through is text."""
    claim, client = make_claim(), staff_with(*Role)
    name = "<script>alert(1)"  # A stroke is no part of a name in addresses.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE roster_account SET username = %s WHERE id = %s", [name, claim.account_id])
        cursor.execute("UPDATE claims_claimevent SET actor = %s", [name])
        cursor.execute("SET LOCAL session_replication_role = origin")
    for path in (f"/desk/claims/{claim.code}/", "/desk/claims/", "/desk/search/?q=<script", "/desk/audit/"):
        page = text_of(client, path)
        assert "<script>alert" not in page, path
        assert "&lt;script&gt;alert" in page, path


def text_of(client: Client, path: str) -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200, path
    assert all(url.startswith("/desk/") for url, _ in answer.redirect_chain), "still signed in"
    return answer.content.decode()
