"""What anybody may ask, the stock, and the documentation."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from jsonschema import Draft202012Validator

from api.problems import CODES
from api.tokens import SCOPES, authenticate
from fulfillment.claims.models import Campaign
from fulfillment.claims.services.shipment_callbacks import start_label
from inventory.models import Unit
from inventory.rules import Account, Reason
from inventory.services import movements
from tests.api.conftest import Caller, assert_problem
from tests.api.contract import contract
from tests.conftest import MakeClaim

pytestmark = pytest.mark.django_db


def test_a_campaign_shows_its_keys(
    anonymous: Caller, campaign: Campaign, stock: None, make_claim: MakeClaim, now: datetime
) -> None:
    claim = make_claim("m-owner")
    make_claim("m-second")
    start_label(claim_id=claim.pk, now=now)
    for account, reason in ((Account.PACKED, Reason.PACK), (Account.IN_TRANSIT, Reason.HAND_OVER)):
        movements.apply(
            list(Unit.objects.held_by(claim.code)),
            to_account=account,
            reason=reason,
            reference=claim.code,
            actor="staff",
            now=now,
        )
    document = anonymous.get("/campaigns/keys-2022").json()
    # Two people are fewer than may be told: the public number does not move with a single claim.
    assert document["name"] == campaign.name
    assert document["per_claim"] == 2
    assert document["keys"] == {"total": 20, "available": 20, "claimed": 0, "redeemed": 0}


def test_an_unknown_campaign_is_not_found(anonymous: Caller) -> None:
    assert_problem(anonymous.get("/campaigns/none"), 404, "unknown_campaign")
    assert_problem(anonymous.get("/campaigns/n%C3%B6"), 404, "not_found")


def test_regions_say_where_keys_can_be_sent_and_why_not(anonymous: Caller, campaign: Campaign) -> None:
    listed = anonymous.get("/regions").json()["items"]
    by_country = {region["country"]: region for region in listed}
    open_countries = {country for country, region in by_country.items() if region["status"] == "open"}
    assert open_countries == {"AT", "BE", "CA", "FR", "DE", "IT", "JP", "ES", "CH", "GB", "US"}
    assert by_country["US"]["promised_days"] == 8
    assert not by_country["US"]["phone_required"]
    assert by_country["DE"]["phone_required"]
    assert by_country["IR"]["status"] == "blocked"
    assert by_country["IR"]["reason"]
    assert by_country["IR"]["promised_days"] is None


def test_regions_come_in_pages(anonymous: Caller, campaign: Campaign) -> None:
    whole = [region["country"] for region in anonymous.get("/regions").json()["items"]]
    seen, cursor = [], ""
    while cursor is not None:
        page = anonymous.get(f"/regions?limit=4{cursor}").json()
        seen += [region["country"] for region in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert seen == whole


def test_a_country_without_a_row_is_not_served(anonymous: Caller, campaign: Campaign) -> None:
    region = anonymous.get("/regions/BR").json()
    assert region["status"] == "blocked"
    assert region["name"] == "Brazil"
    assert_problem(anonymous.get("/regions/QQ"), 404, "unknown_country")
    assert_problem(anonymous.get("/regions/germany"), 404, "not_found")


def test_stock_is_given_by_model_and_account(caller: Caller, stock: None, make_claim: MakeClaim) -> None:
    make_claim("m-owner")
    items = caller.get("/inventory/stock").json()["items"]
    assert items == [
        {"sku": sku, "accounts": {"available": 9, "reserved": 1}} for sku in ("KD-A-NFC", "KD-C-NFC")
    ]


def test_a_unit_tells_its_whole_custody(caller: Caller, stock: None, make_claim: MakeClaim) -> None:
    claim = make_claim("m-owner")
    unit = Unit.objects.held_by(claim.code).first()
    assert unit is not None
    document = caller.get(f"/inventory/units/{unit.serial.lower()}").json()
    assert document["account"] == "reserved"
    assert document["held_for"] == claim.code
    assert [movement["to_account"] for movement in document["movements"]] == ["available", "reserved"]
    assert_problem(caller.get("/inventory/units/NONE-1"), 404, "unknown_serial")


class TestTheDocument:
    @pytest.fixture
    def document(self, client: Client) -> dict[str, Any]:
        answer = client.get("/api/v1/openapi.json")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def test_it_is_openapi_and_its_schemas_are_schemas(self, document: dict[str, Any]) -> None:
        assert document["openapi"] == "3.1.0"
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_it_keeps_to_its_contract(self, document: dict[str, Any]) -> None:
        assert contract(document) == (Path(__file__).parent / "contract.txt").read_text()

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        for reference in _references(document):
            assert reference.startswith("#/")
            place: Any = document
            for part in reference[2:].split("/"):
                place = place[part]

    def test_every_operation_has_an_id_a_scope_and_answers(self, document: dict[str, Any]) -> None:
        operations = [operation for item in document["paths"].values() for operation in item.values()]
        assert len({operation["operationId"] for operation in operations}) == len(operations) >= 25
        for operation in operations:
            assert operation["x-scope"] in {*SCOPES, "public", "session"}
            assert any(str(status).startswith("2") for status in operation["responses"])
            for status, response in operation["responses"].items():
                wanted = "application/json" if str(status) < "400" else "application/problem+json"
                assert list(response["content"]) == [wanted]

    def test_every_path_parameter_is_described(self, document: dict[str, Any]) -> None:
        for path, item in document["paths"].items():
            for operation in item.values():
                described = {
                    parameter["name"]
                    for parameter in operation.get("parameters", ())
                    if parameter["in"] == "path"
                }
                assert described == {part.strip("{}") for part in path.split("/") if part.startswith("{")}

    def test_answers_are_as_it_says(
        self, document: dict[str, Any], caller: Caller, stock: None, make_claim: MakeClaim
    ) -> None:
        claim = make_claim("m-owner")
        serial = Unit.objects.held_by(claim.code).values_list("serial", flat=True)[0]
        for path, schema in {
            "/campaigns/keys-2022": "CampaignOut",
            "/regions": "RegionListOut",
            "/regions/BR": "RegionOut",
            f"/claims/{claim.code}": "ClaimOut",
            "/claims": "ClaimListOut",
            "/maintainers/m-second/eligibility": "DecisionOut",
            "/inventory/stock": "StockListOut",
            f"/inventory/units/{serial}": "UnitOut",
            "/claims/C-000000000000": "ProblemOut",
        }.items():
            validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document})
            given = json.loads(caller.get(path).content)
            if schema == "ProblemOut":
                # What does not apply is left out.
                given = {"errors": None, "decision": None, "claim": None} | given
            validator.validate(given)

    def test_its_page_lists_every_operation_and_problem_and_loads_nothing_from_elsewhere(
        self, client: Client, document: dict[str, Any]
    ) -> None:
        answer = client.get("/api/v1/docs")
        assert answer.status_code == 200
        page = answer.content.decode()
        for path in document["paths"]:
            assert path in page
        for code in CODES:
            assert f'id="{code}"' in page
        assert "<script" not in page
        assert 'style="' not in page
        for address in _addresses(page):
            assert address.startswith(("/", "#"))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _addresses(page: str) -> list[str]:
    import re

    return re.findall(r'(?:href|src)="([^"]*)"', page)


class TestCreateToken:
    def test_the_secret_is_printed_once_and_works(
        self, now: datetime, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("create_token", name="index-sync", scope=["claims:read"], days=5)
        printed = capsys.readouterr().out
        secret = printed.split()[0]
        assert printed.count(secret) == 1
        assert authenticate(secret, now=now).scopes == ["claims:read"]

    def test_as_json_it_is_one_document(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command(
            "create_token", "--json", "--name", "x", "--scope", "claims:read", "--scope", "claims:write"
        )
        document = json.loads(capsys.readouterr().out)
        assert document["token"].startswith("kd_")
        assert document["scopes"] == ["claims:read", "claims:write"]
        assert document["expires_at"] == "2022-10-09T12:00:00Z"

    def test_wrong_use_names_every_argument(self) -> None:
        with pytest.raises(CommandError) as failed:
            call_command("create_token", name="no good", scope=["all"], days=0)
        assert failed.value.returncode == 2
        for argument in ("--name", "--scope", "--days"):
            assert argument in str(failed.value)
