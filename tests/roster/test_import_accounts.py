"""Account lists: accounts follow them, and each change of two-factor state is appended."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from common.errors import InputErrors
from roster.models import Account, Receipt, Snapshot, TwoFactorObservation
from roster.services.accounts import import_accounts
from tests.roster.conftest import ACCOUNTS, LATER, NOW, Write

pytestmark = pytest.mark.django_db
HEADER = "username,email,email_verified,joined_at,has_totp,has_webauthn\n"
ADA = "ada,ada@example.org,true,2014-02-03T00:00:00Z,false,false\n"


def observations() -> list[tuple[str, bool, bool, datetime]]:
    rows = TwoFactorObservation.objects.order_by("pk")
    return list(rows.values_list("account__username", "has_totp", "has_webauthn", "observed_at"))


def test_accounts_are_created_with_what_the_list_says(write: Write) -> None:
    imported = import_accounts(path=write("accounts.csv", ACCOUNTS), actor="ops", now=NOW)
    assert (imported.is_new, imported.added, imported.changed, imported.unchanged) == (True, 3, 0, 0)
    ada, bob, crew = Account.objects.order_by("pk")
    assert (ada.username, ada.email, ada.email_verified) == ("ada", "ada@example.org", True)
    assert ada.joined_at == datetime(2014, 2, 3, tzinfo=UTC)
    assert (ada.has_totp, ada.has_webauthn, ada.is_organization) == (False, False, False)
    assert (bob.username, bob.joined_at, bob.has_totp) == ("Bob", None, True)
    assert crew.joined_at == datetime(2019, 12, 31, 23, tzinfo=UTC)
    assert (crew.has_webauthn, crew.is_organization, crew.email_verified) == (True, True, False)
    assert {account.two_factor_observed_at for account in (ada, bob, crew)} == {NOW}
    assert {account.email_changed_at for account in (ada, bob, crew)} == {None}


def test_json_lines_say_the_same_as_csv(write: Write) -> None:
    path = write(
        "accounts.jsonl",
        '{"username": "ada", "email": "ada@example.org", "email_verified": true,'
        ' "joined_at": null, "has_totp": false, "has_webauthn": true, "is_organization": false}\n',
    )
    import_accounts(path=path, actor="ops", now=NOW)
    account = Account.objects.get()
    assert (account.username, account.joined_at, account.has_webauthn) == ("ada", None, True)


def test_the_same_list_again_changes_nothing_but_when_it_was_seen(write: Write) -> None:
    path = write("accounts.csv", ACCOUNTS)
    import_accounts(path=path, actor="ops", now=NOW)
    before = list(Account.objects.order_by("pk").values())
    again = import_accounts(path=path, actor="ops", now=LATER)
    assert (again.is_new, again.added, again.changed, again.unchanged) == (False, 0, 0, 3)
    after = list(Account.objects.order_by("pk").values())
    assert [{**row, "two_factor_observed_at": LATER} for row in before] == after
    assert len(observations()) == 3


def test_an_observation_is_appended_when_first_seen_and_when_changed_and_only_then(write: Write) -> None:
    import_accounts(path=write("1.csv", HEADER + ADA), actor="ops", now=NOW)
    moved = ADA.replace("ada@", "new@")
    import_accounts(path=write("2.csv", HEADER + moved), actor="ops", now=LATER)
    assert observations() == [("ada", False, False, NOW)]
    enrolled = moved.replace("false,false", "false,true")
    import_accounts(path=write("3.csv", HEADER + enrolled), actor="ops", now=LATER)
    assert observations() == [("ada", False, False, NOW), ("ada", False, True, LATER)]
    assert TwoFactorObservation.objects.latest("pk").snapshot == Snapshot.objects.latest("pk")
    assert Account.objects.get().has_webauthn


def test_a_new_address_is_dated_and_a_new_capital_is_not_a_new_account(write: Write) -> None:
    import_accounts(path=write("1.csv", HEADER + ADA), actor="ops", now=NOW)
    account = Account.objects.get()
    import_accounts(
        path=write("2.csv", HEADER + ADA.replace("ada,ada@e", "Ada,Ada@E")), actor="ops", now=LATER
    )
    renamed = Account.objects.get()
    assert (renamed.pk, renamed.username, renamed.email_changed_at) == (account.pk, "Ada", None)
    import_accounts(path=write("3.csv", HEADER + ADA.replace("ada@", "new@")), actor="ops", now=LATER)
    moved = Account.objects.get()
    assert (moved.email, moved.email_changed_at, moved.updated_at) == ("new@example.org", LATER, LATER)


def test_accounts_the_list_leaves_out_and_our_own_columns_stay(write: Write) -> None:
    import_accounts(path=write("1.csv", ACCOUNTS), actor="ops", now=NOW)
    Account.objects.filter(username="ada").update(opted_out_at=NOW)
    import_accounts(path=write("2.csv", HEADER + ADA.replace("true", "false")), actor="ops", now=LATER)
    assert Account.objects.count() == 3
    assert Account.objects.get(username="ada").opted_out_at == NOW


def test_an_account_is_found_by_name_and_address_in_any_capitals(write: Write) -> None:
    import_accounts(path=write("accounts.csv", ACCOUNTS), actor="ops", now=NOW)
    assert Account.objects.named("bOB").get().username == "Bob"
    assert Account.objects.with_address(" BOB@example.ORG ").get().username == "Bob"


BAD = {
    "only a header": (HEADER, 1, None, "not a single account"),
    "no header": (ADA, 1, "username", "missing from the header"),
    "bad boolean": (HEADER + ADA.replace("false,false", "perhaps,false"), 2, "has_totp", "'perhaps'"),
    "no boolean": (HEADER + ADA.replace("false,false", ",false"), 2, "has_totp", "''"),
    "bad date": (HEADER + ADA.replace("2014-02-03T", "2014-13-03T"), 2, "joined_at", "2014-13-03"),
    "a time without a zone": (HEADER + ADA.replace("Z", ""), 2, "joined_at", "no time zone"),
    "a day without a time": (HEADER + ADA.replace("T00:00:00Z", ""), 2, "joined_at", "not a time"),
    "a username twice": (HEADER + ADA + ADA, 3, "username", "line 2 already"),
    "a username in other capitals": (HEADER + ADA + ADA.replace("ada,", "ADA,"), 3, "username", "line 2"),
    "a formula": (HEADER + ADA.replace("ada,", "=ada,"), 2, "username", "'=ada'"),
    "a control character": (HEADER + ADA.replace("ada,", "a\x07da,"), 2, "username", "x07"),
    "no username": (HEADER + ADA.replace("ada,", ",", 1), 2, "username", "not a username"),
    "two addresses": (HEADER + ADA.replace("@", "@x@"), 2, "email", "not an email address"),
    "a line break in an address": (
        HEADER + ADA.replace("ada@example.org", '"ada@example.org\nBcc: x"'),
        2,
        "email",
        "not an email address",
    ),
    "nothing that could be verified": (
        HEADER + ADA.replace("ada@example.org", ""),
        2,
        "email_verified",
        "no address",
    ),
    "JSON text for a boolean": (
        '{"username":"a","email":"","email_verified":false,"joined_at":null,"has_totp":1,"has_webauthn":false}',
        1,
        "has_totp",
        "1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_list_is_refused_with_its_line_and_nothing_changes(name: str, write: Write) -> None:
    import_accounts(path=write("before.csv", HEADER + ADA.replace("ada", "eve")), actor="ops", now=NOW)
    before = list(Account.objects.values())
    content, line, field, words = BAD[name]
    with pytest.raises(InputErrors) as refused:
        import_accounts(path=write("bad", content), actor="ops", now=LATER)
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert words in problem.problem
    assert list(Account.objects.values()) == before
    assert (Receipt.objects.count(), TwoFactorObservation.objects.count()) == (1, 1)


def test_a_refusal_never_repeats_an_address(write: Write) -> None:
    path = write("bad.csv", HEADER + ADA.replace("ada@example.org", "ada smith@example.org"))
    with pytest.raises(CommandError) as refused:
        call_command("import_accounts", str(path))
    assert refused.value.returncode == 2
    assert "smith" not in str(refused.value)
