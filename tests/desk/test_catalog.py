"""Prices, regions, key models and new campaigns from the desk: each change with its before and after."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client

from common import clock
from common.errors import BadRequest
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.claims.models import Campaign, PriceList, Region
from fulfillment.vault.addresses import PostalAddress
from inventory.default_key_models import ensure_catalogue
from inventory.models import KeyModel, Unit
from pages.key_recommendation import offered_by
from roster.models import Policy
from tests.conftest import USB_A, USB_C, MakeClaim
from tests.desk.conftest import StaffWith
from tests.desk.forms import form_at


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


@pytest.fixture
def client(staff_with: StaffWith) -> Client:
    return staff_with(Role.MANAGER)


class TestPrices:
    URL = "/desk/programme/campaigns/keys-2022/prices/"
    NEW = {
        "version": "autumn", "currency": "USD", "extra_key": "2900", "max_extra_keys": "2",
        "express": "de 1250\n* 4000", "express_days": "3", "valid_from": "2022-08-01T00:00",
    }  # fmt: skip

    def test_a_list_is_published_and_ends_the_one_before(self, campaign: Campaign, client: Client) -> None:
        assert client.post(self.URL, form_at(client, self.URL) | self.NEW).status_code == 302
        form = form_at(client, self.URL)
        assert form["express"] == "DE 1250\n* 4000"
        later = {"version": "winter", "extra_key": "3100", "valid_from": "2022-09-01T00:00"}
        assert client.post(self.URL, form | later).status_code == 302
        autumn, winter = PriceList.objects.order_by("valid_from")
        assert autumn.valid_until == winter.valid_from
        entry = AuditEntry.objects.order_by("-position")[0]
        assert (entry.action, entry.subject) == ("prices_published", campaign.slug)
        assert (entry.before["extra_key"], entry.after["extra_key"]) == (2900, 3100)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"express": "Germany 1250"},
            {"express": "DE 1250\nDE 1300"},
            {"express": "DE 12"},
            {"extra_key": "2900", "max_extra_keys": ""},
            {"valid_from": "2020-01-01T00:00"},
            {"valid_until": "2022-07-31T00:00"},
            {"version": ""},
            {"seen": "forged"},
        ],
    )
    def test_what_cannot_be_is_named_and_nothing_is_published(
        self, wrong: dict[str, str], campaign: Campaign, client: Client
    ) -> None:
        answer = client.post(self.URL, form_at(client, self.URL) | self.NEW | wrong)
        assert answer.status_code == 422
        assert "error" in answer.content.decode()
        assert not PriceList.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_a_form_of_yesterday_publishes_nothing(
        self, campaign: Campaign, client: Client, staff_with: StaffWith
    ) -> None:
        kim = staff_with(Role.MANAGER, username="kim")
        mine = form_at(client, self.URL)
        assert kim.post(self.URL, form_at(kim, self.URL) | self.NEW).status_code == 302
        answer = client.post(
            self.URL, mine | self.NEW | {"version": "mine", "valid_from": "2022-10-01T00:00"}
        )
        assert (answer.status_code, "since you opened" in answer.content.decode()) == (409, True)
        assert PriceList.objects.count() == 1


class TestRegions:
    def test_a_region_is_changed_from_now_on_and_its_past_stays(
        self, campaign: Campaign, client: Client, now: datetime
    ) -> None:
        url = "/desk/programme/regions/DE/"
        before = Region.objects.in_force(now).get(country="DE", key_model=None)
        later = now + timedelta(days=1)
        with clock.reading(lambda: later):
            form = form_at(client, url) | {"status": "paused", "reason": "The carrier is on strike."}
            assert client.post(url, form).status_code == 302
        before.refresh_from_db()
        assert before.valid_until == later
        after = Region.objects.in_force(later).get(country="DE", key_model=None)
        assert (after.status, after.promised_days) == ("paused", before.promised_days)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.subject) == ("region_changed", "DE")
        assert entry.before == {"status": "open", "reason": before.reason}
        assert entry.after == {"status": "paused", "reason": "The carrier is on strike."}
        # The form of yesterday is refused; the same again changes nothing and says nothing.
        with clock.reading(lambda: later):
            assert client.post(url, form | {"status": "open"}).status_code == 409
            assert client.post(url, form_at(client, url)).status_code == 302
        assert AuditEntry.objects.count() == 1

    def test_one_is_added_once(self, campaign: Campaign, client: Client, now: datetime) -> None:
        url = "/desk/programme/regions/"
        form = form_at(client, url) | {
            "country": "NZ", "status": "open", "source": "Carrier's list", "promised_days": "12",
            "ceiling_cents": "3000",
        }  # fmt: skip
        assert client.post(url, form).status_code == 302
        assert Region.objects.in_force(now).filter(country="NZ").count() == 1
        assert client.post(url, form | {"promised_days": "9"}).status_code == 409
        assert client.post(url, form | {"country": "XX"}).status_code == 422
        assert client.get("/desk/programme/regions/XX/").status_code == 404
        assert "NZ," in client.get("/desk/programme/regions.csv").content.decode()


class TestOneKeyModelInACountry:
    URL = "/desk/programme/regions/DE/"
    CLOSED = {
        "key_model": USB_C, "status": "blocked", "reason": "Its radio has no licence there.",
        "source": "Bundesnetzagentur",
    }  # fmt: skip

    def close(self, client: Client, **changed: str) -> HttpResponse:
        form = form_at(client, self.URL, form=2) | self.CLOSED | changed
        return cast(HttpResponse, client.post(f"{self.URL}key-models/", form))

    def test_it_is_given_out_there_no_more_from_now_on_and_again_later(
        self,
        campaign: Campaign,
        client: Client,
        now: datetime,
        address: PostalAddress,
        make_claim: MakeClaim,
        stock: None,
    ) -> None:
        german = replace(
            address, country="DE", city="Berlin", state="", postal_code="10115", phone="+4915550100"
        )
        assert self.close(client).status_code == 302
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.subject, entry.before) == (
            "region_changed", f"DE {USB_C}", {"status": "open"},
        )  # fmt: skip
        assert entry.after == {"status": "blocked", "reason": "Its radio has no licence there."}
        shown = client.get(self.URL).content.decode()
        assert "Its radio has no licence there." in shown
        with pytest.raises(BadRequest, match="not in this country"):
            make_claim(address=german)
        # Whoever takes any gets the other; elsewhere nothing has changed.
        claim = make_claim(items=[], address=german)
        skus = Unit.objects.held_by(claim.code).values_list("key_model__sku", flat=True)
        assert (claim.state, set(skus)) == ("accepted", {USB_A})
        assert make_claim("m-second").state == "accepted"
        with clock.reading(lambda: now + timedelta(days=1)):
            assert self.close(client, status="open").status_code == 302
            assert self.close(client, status="open").status_code == 302, "said twice"
        assert AuditEntry.objects.count() == 2
        row = Region.objects.get(country="DE", key_model__sku=USB_C)
        assert row.valid_until == now + timedelta(days=1)

    def test_the_form_and_the_api_offer_it_there_no_more(
        self, campaign: Campaign, client: Client, now: datetime
    ) -> None:
        self.close(client)
        offered = {
            country: {model.sku for model in offered_by(campaign, country=country, now=now)}
            for country in ("DE", "FR")
        }
        page = Client().get("/countries/", {"country": "DE"}).content.decode()
        assert "is not sent there: Its radio has no licence there." in page
        assert USB_C not in offered["DE"]
        assert offered["FR"] == offered["DE"] | {USB_C}

    @pytest.mark.parametrize(
        "wrong", [{"reason": ""}, {"source": " "}, {"status": "waitlist"}, {"key_model": "NOPE"}]
    )
    def test_what_cannot_be_used_changes_nothing(
        self, campaign: Campaign, client: Client, wrong: dict[str, str]
    ) -> None:
        assert self.close(client, **wrong).status_code == 422
        assert not Region.objects.filter(key_model__isnull=False).exists()
        assert not AuditEntry.objects.exists()

    def test_a_form_of_yesterday_is_refused(
        self, campaign: Campaign, client: Client, staff_with: StaffWith
    ) -> None:
        mine = form_at(client, self.URL, form=2)
        assert self.close(staff_with(Role.MANAGER, username="kim")).status_code == 302
        answer = client.post(f"{self.URL}key-models/", mine | self.CLOSED | {"status": "paused"})
        assert (answer.status_code, "since you opened" in answer.content.decode()) == (409, True)
        assert Region.objects.get(key_model__isnull=False).status == "blocked"
        assert client.post("/desk/programme/regions/XX/key-models/", mine).status_code == 404


class TestKeyModels:
    URL = f"/desk/programme/key-models/{USB_A}/"

    def test_one_is_changed_with_its_before_and_after(
        self, campaign: Campaign, client: Client, staff_with: StaffWith
    ) -> None:
        form = form_at(client, self.URL)
        assert client.post(self.URL, form | {"weight_g": "4"}).status_code == 302
        entry = AuditEntry.objects.get()
        assert (entry.before, entry.after) == ({"weight_g": 3}, {"weight_g": 4})
        kim = staff_with(Role.MANAGER, username="kim")
        stale = kim.post(self.URL, form | {"weight_g": "9"})
        assert (stale.status_code, "Someone else has changed weight_g" in stale.content.decode()) == (
            409,
            True,
        )
        assert KeyModel.objects.get(sku=USB_A).weight_g == 4

    @pytest.mark.parametrize(
        "wrong", [{"weight_g": "0"}, {"hs_code": "84.71"}, {"origin_country": "se"}, {"currency": "$"}]
    )
    def test_what_parcels_and_customs_cannot_use_is_refused(
        self, wrong: dict[str, str], campaign: Campaign, client: Client
    ) -> None:
        assert client.post(self.URL, form_at(client, self.URL) | wrong).status_code == 422
        assert not AuditEntry.objects.exists()

    def test_one_is_added_and_a_campaign_gives_it_out(self, campaign: Campaign, client: Client) -> None:
        url = "/desk/programme/key-models/"
        form = form_at(client, self.URL) | {
            "sku": "KD-NANO",
            "name": "Nano",
            "seen": form_at(client, url)["seen"],
        }
        assert client.post(url, form).status_code == 302
        assert client.post(url, form).status_code == 422
        assert client.post(url, form | {"sku": "kd nano"}).status_code == 422
        campaigns = f"/desk/programme/campaigns/{campaign.slug}/"
        chosen = form_at(client, campaigns)
        chosen["key_models"] = [*chosen["key_models"], KeyModel.objects.get(sku="KD-NANO").pk]
        assert client.post(campaigns, chosen).status_code == 302
        assert campaign.key_models.filter(sku="KD-NANO").exists()
        entry = AuditEntry.objects.order_by("-position")[0]
        assert "KD-NANO" in entry.after["key_models"]
        assert "KD-NANO" not in entry.before["key_models"]


class TestNewCampaign:
    URL = "/desk/programme/new-campaign/"
    NEW = {
        "slug": "keys-2023", "name": "Keys 2023", "opens_at": "2023-01-01T00:00:00",
        "closes_at": "2023-06-01T00:00:00", "per_claim": "2", "offer_days": "7",
    }  # fmt: skip

    def test_the_first_takes_the_policy_that_comes_with_keydesk(self, client: Client, now: datetime) -> None:
        ensure_catalogue(now)
        models = list(KeyModel.objects.values_list("pk", flat=True))
        assert (
            client.post(self.URL, form_at(client, self.URL) | self.NEW | {"key_models": models}).status_code
            == 302
        )
        made = Campaign.objects.get()
        assert made.policy.version == "keydesk-default"
        assert made.key_models.count() == len(models)
        assert AuditEntry.objects.get().action == "campaign_added"

    def test_a_name_is_taken_once_and_an_end_comes_after_a_beginning(
        self, campaign: Campaign, client: Client
    ) -> None:
        policy = Policy.objects.get(pk=campaign.policy_id)
        form = form_at(client, self.URL) | self.NEW | {"policy": policy.pk}
        form["key_models"] = [campaign.key_models.all()[0].pk]
        assert client.post(self.URL, form | {"slug": campaign.slug}).status_code == 422
        assert client.post(self.URL, form | {"closes_at": "2022-01-01T00:00:00"}).status_code == 422
        assert client.post(self.URL, form).status_code == 302
        assert Campaign.objects.count() == 2
