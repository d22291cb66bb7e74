"""Keys do not go to every part of a country: the address says which part it is, by its name or postal code."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from common.errors import BadRequest, InputErrors
from fulfillment.claims.campaigns.regions import load_regions
from fulfillment.claims.models import Claim, Region
from fulfillment.claims.region_lookup import address_region
from fulfillment.claims.services.amendments_and_reviews import change_address
from fulfillment.shipments.selectors import is_served
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address
from fulfillment.vault.subdivisions import subdivision_name, subdivision_of, subdivisions
from pages.forms.address import AddressForm
from tests.conftest import MakeClaim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]

KYIV = {
    "name": "Olena Maintainer",
    "street1": "vul. Khreshchatyk 1",
    "city": "Kyiv",
    "postal_code": "01001",
    "country": "UA",
}
CRIMEA = KYIV | {"city": "Simferopol", "postal_code": "95000"}
REASON = "Export to Crimea is restricted by sanctions law."


def to(where: dict[str, str], **changed: str) -> PostalAddress:
    return PostalAddress(**where | changed)


@pytest.fixture
def ukraine(now: datetime) -> None:
    """Open but for the parts that the shipped table closes."""
    row = {"country": "UA", "status": "open", "source": "tests", "promised_days": 20, "ceiling_cents": 9000}
    load_regions(document={"regions": [row]}, now=now)


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ({"state": "Автономна Республіка Крим"}, "43"),
        ({"state": "crimea"}, "43"),
        ({"state": "43"}, "43"),
        ({"state": "", "postal_code": "95000"}, "43"),
        ({"state": "Krym", "postal_code": "98600"}, "43"),
        ({"state": "", "postal_code": "01001"}, "30"),
        ({"state": "", "postal_code": "00123"}, ""),
        ({"country": "US", "state": "Hawaii", "postal_code": "96801"}, "HI"),
        ({"country": "US", "state": "AE", "postal_code": "09001"}, "AE"),
        ({"country": "DE", "state": "Bayern", "postal_code": "80331"}, ""),
    ],
)
def test_a_part_is_known_by_any_of_its_names_or_by_the_postal_code(where: dict[str, str], part: str) -> None:
    assert subdivision_of(to(KYIV, **where)) == part


def test_parts_are_called_by_their_latin_names() -> None:
    assert subdivision_name("UA", "43") == "Crimea"
    assert subdivision_name("UA", "99") == "99"
    assert subdivisions("DE") == ()


@pytest.mark.usefixtures("ukraine")
def test_the_row_of_the_part_comes_before_the_country_s(now: datetime) -> None:
    def status_of(address: PostalAddress) -> str:
        row = address_region(address, now=now)
        return row.status if row else "none"

    assert status_of(to(KYIV)) == "open"
    assert status_of(to(CRIMEA)) == "blocked"
    with pytest.raises(BadRequest) as refused:
        status_of(to(KYIV, postal_code="00123"))
    assert [problem.field for problem in refused.value.errors] == ["shipping_address.state"]
    # Where the parts of a country do not differ, nobody has to say which it is.
    assert status_of(to(KYIV, country="US", postal_code="")) == "open"


@pytest.mark.usefixtures("ukraine")
@pytest.mark.parametrize("where", [CRIMEA, CRIMEA | {"state": "Crimea"}, KYIV | {"postal_code": "00123"}])
def test_no_claim_and_no_change_sends_keys_to_a_closed_part(
    where: dict[str, str], make_claim: MakeClaim, now: datetime
) -> None:
    with pytest.raises(BadRequest) as refused:
        make_claim(address=to(where))
    assert [problem.field for problem in refused.value.errors] == ["shipping_address.state"]
    assert not Claim.objects.exists()
    claim = make_claim(address=to(KYIV))
    with pytest.raises(BadRequest):
        change_address(code=claim.code, address=to(where), actor="claimant", now=now)
    kept = open_address(subject=claim.code, purpose=Purpose.CLAIMANT, actor="tests", now=now)
    assert kept.postal_code == "01001"


@pytest.mark.usefixtures("ukraine")
def test_no_label_goes_to_a_part_that_was_closed_after_the_claim(now: datetime) -> None:
    assert is_served(to(KYIV), now=now)
    assert not is_served(to(CRIMEA), now=now)
    assert not is_served(to(KYIV, postal_code="00123"), now=now)


@pytest.mark.usefixtures("ukraine")
def test_the_form_says_it_beside_the_part(now: datetime) -> None:
    region = Region.objects.in_force(now).get(country="UA", subdivision="")

    def beside_the_part(**typed: str) -> list[str]:
        form = AddressForm({**KYIV, **typed}, country="UA", region=region, now=now)
        form.is_valid()
        return [str(error) for error in form.errors.get("state", ())]

    assert beside_the_part() == []
    assert beside_the_part(**CRIMEA) == [REASON]
    assert beside_the_part(postal_code="00123") == [
        "We do not send keys to every part of this country. Choose the part."
    ]


@pytest.mark.usefixtures("ukraine")
def test_a_part_may_ask_for_more_than_the_country(now: datetime) -> None:
    part = {
        "country": "UA", "subdivision": "30", "status": "open", "source": "tests", "promised_days": 20,
        "ceiling_cents": 9000, "phone_required": True,
    }  # fmt: skip
    load_regions(document={"regions": [part]}, now=now)
    region = Region.objects.in_force(now).get(country="UA", subdivision="")
    form = AddressForm(KYIV, country="UA", region=region, now=now)
    assert not form.is_valid()
    assert form.errors["phone"]


def test_a_part_that_no_address_names_is_refused_in_the_table(now: datetime) -> None:
    row = {"status": "blocked", "source": "tests", "reason": "-", "promised_days": 0, "ceiling_cents": 0}
    for country, subdivision in (("DE", "BY"), ("UA", "99"), ("US", "hi")):
        with pytest.raises(InputErrors, match="do not use this subdivision"):
            load_regions(
                document={"regions": [row | {"country": country, "subdivision": subdivision}]}, now=now
            )


@pytest.mark.usefixtures("ukraine")
def test_the_public_answer_names_the_parts(client: Client) -> None:
    page = client.get("/countries/?country=UA").content.decode()
    assert f"Not to Crimea: {REASON}" in page
    answer = client.get("/api/v1/regions/UA").json()
    assert (answer["status"], [part["name"] for part in answer["closed_parts"]]) == (
        "open",
        ["Luhans'ka oblast", "Donetsk oblast", "Crimea"],
    )
    assert answer["closed_parts"][-1]["reason"] == REASON
    listed = {row["country"]: row for row in client.get("/api/v1/regions").json()["items"]}
    assert listed["UA"]["closed_parts"] == answer["closed_parts"]
    assert listed["US"]["closed_parts"] == []


@pytest.mark.usefixtures("ukraine")
def test_a_part_opens_again(now: datetime) -> None:
    row = {
        "country": "UA", "subdivision": "43", "status": "open", "source": "tests", "promised_days": 20,
        "ceiling_cents": 9000,
    }  # fmt: skip
    load_regions(document={"regions": [row]}, now=now + timedelta(days=1))
    reached = address_region(to(CRIMEA), now=now + timedelta(days=2))
    assert reached is not None
    assert reached.status == "open"
