"""docs/api.md against the OpenAPI document, the commands and the error codes: each named, and no other."""

import re
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from api.problems import CODES
from api.tokens import SCOPES
from api.urls import api
from fulfillment.claims.rules import ClaimState
from fulfillment.shipments.rules.manifests import ManifestState
from fulfillment.shipments.rules.states import ShipmentState
from roster.rules.checks import RULES
from tests.measures import PACKAGES

PAGE = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
PREFIX = "/api/v1"
_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)`")
# A row of a table of calls or commands, by what stands first in it.
_ROW = re.compile(r"^\| (`[^|]*?`(?:, `[^|]*?`)*) \|((?:\\\||[^|])*)", re.MULTILINE)
# Vendors' calls are not in the OpenAPI document, health is not below the API.
_WEBHOOKS = {("POST", "/webhooks/easypost"), ("POST", "/webhooks/stripe")}
_HEALTH = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}


def operations() -> dict[tuple[str, str], str]:
    """The scope of each operation of the OpenAPI document, by method and path."""
    document = api.get_openapi_schema()
    return {
        (method.upper(), path.removeprefix(PREFIX)): operation["x-scope"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def calls_in(text: str) -> set[tuple[str, str]]:
    return {(method, path.removeprefix(PREFIX)) for method, path in _CALL.findall(text)}


def our_commands() -> set[str]:
    """The commands that are in this repository."""
    return {name for name, app in get_commands().items() if str(app).split(".")[0] in PACKAGES}


def section(heading: str) -> str:
    """The text from a heading to the next of the same or a higher level."""
    level = heading.split(" ", 1)[0]
    _, found, rest = PAGE.partition(f"\n{heading}\n")
    assert found, f"docs/api.md has no heading {heading!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def words(text: str) -> Iterable[str]:
    return re.findall(r"`([\w:]+)`", text)


def test_every_operation_is_named_and_none_that_does_not_exist() -> None:
    assert calls_in(PAGE) == set(operations()) | _WEBHOOKS | _HEALTH


def test_calls_outside_the_openapi_document_are_answered() -> None:
    for _method, path in _WEBHOOKS:
        assert resolve(PREFIX + path).url_name in {"easypost_webhook", "stripe_webhook"}
    for _method, path in _HEALTH:
        assert resolve(path)


def test_each_operation_stands_beside_its_scope() -> None:
    scopes = operations()
    listed = 0
    for first, rest in _ROW.findall(section("## 5. Calls")):
        for call in calls_in(first) & set(scopes):
            scope = scopes[call]
            listed += 1
            assert scope in {"public", "session"} or rest.strip() == f"`{scope}`", call
    assert listed == len(scopes)


def test_public_and_session_calls_stand_in_their_sections() -> None:
    by_scope = {
        wanted: {call for call, scope in operations().items() if scope == wanted}
        for wanted in ("public", "session")
    }
    assert calls_in(section("### 5.1 Public")) == by_scope["public"]
    assert calls_in(section("### 5.3 The signed-in maintainer")) == by_scope["session"]


def test_every_command_is_named_and_none_that_does_not_exist() -> None:
    listed = set()
    for first, _ in _ROW.findall(section("## 2. Commands").replace("\\|", "/")):
        listed |= {name for quoted in re.findall(r"`([^`]+)`", first) for name in [quoted.split()[0]]}
    assert listed == our_commands()


def test_every_option_of_a_command_in_the_page_exists() -> None:
    apps = get_commands()
    missing = []
    for first, rest in _ROW.findall(section("## 2. Commands").replace("\\|", "/")):
        for quoted in re.findall(r"`([^`]+)`", first):
            name = quoted.split()[0]
            command = load_command_class(str(apps[name]), name)
            known = {
                option
                for action in command.create_parser("", name)._actions
                for option in action.option_strings
            }
            named = set(re.findall(r"--[a-z][a-z-]+", quoted)) | set(re.findall(r"`(--[a-z][a-z-]+)", rest))
            missing += [(name, option) for option in sorted(named - known)]
    assert missing == []


def test_every_make_target_in_the_page_exists() -> None:
    makefile = (Path(settings.BASE_DIR) / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_error_code_is_listed_with_its_status() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d{3}) \|", section("### 4.2 Errors"), re.MULTILINE)
    listed = {code: int(status) for codes, status in rows for code in words(codes)}
    assert listed == {code: status for code, (status, _) in CODES.items()}


def test_every_scope_is_listed() -> None:
    table = re.findall(r"^\| ((?:`\w+:\w+`(?:, )?)+) \|", section("### 4.1 Authentication"), re.MULTILINE)
    assert {scope for row in table for scope in words(row)} == set(SCOPES)


def test_every_rule_is_listed_with_its_parameters() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?)\|$", section("## 3. Policies, facts and decisions"), re.MULTILINE
    )
    assert [name for name, _ in rows] == list(RULES)
    for name, about in rows:
        assert set(RULES[name].params) <= set(words(about)), name


def test_every_state_is_listed() -> None:
    claims, parcels = section("### 5.2 Eligibility and claims"), section("### 5.5 Shipments")
    assert set(map(str, ClaimState)) <= set(words(claims))
    assert set(map(str, ShipmentState)) <= set(words(parcels))
    assert set(map(str, ManifestState)) <= set(words(parcels))


def answer_fields() -> set[str]:
    """The fields of each answer; of a list, those of its items."""
    document = api.get_openapi_schema()
    schemas = document["components"]["schemas"]
    fields: set[str] = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                schema = response["content"]["application/json"]["schema"] if int(status) < 300 else {}
                found = schemas.get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
                items = found.get("items", {}).get("items", {}).get("$ref", "")
                if "items" in found and found.keys() <= {"items", "next"}:
                    found = schemas[items.rpartition("/")[2]]["properties"]
                fields |= found.keys()
    return fields


def test_every_field_of_an_answer_is_named() -> None:
    assert len(answer_fields()) > 100
    assert answer_fields() <= set(words(PAGE)) | set(re.findall(r'"(\w+)"', PAGE))
