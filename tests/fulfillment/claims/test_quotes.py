"""What a claim costs, as a table; and the price lists that are refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadRequest, InputErrors
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.errors import PriceChanged
from fulfillment.claims.models import Campaign, Claim, ClaimQuote, PriceList, Region
from fulfillment.claims.money import CURRENCIES, format_money
from fulfillment.claims.pricing import prices_in_force, quote_for
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.rules.price_documents import parse_prices
from fulfillment.claims.rules.quotes import FREE, NotSold, Prices, Quote, QuoteLine, quote_lines
from fulfillment.notices.models import Notice
from fulfillment.notices.rendering import compose_email
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Unit
from tests.conftest import USB_A, USB_C, MakeClaim

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
LIST = Prices(
    version="2022-07",
    currency="USD",
    extra_key=2900,
    max_extra_keys=3,
    shipping={"*": 1800, "IN": 2200, "IS": 0},
    express={"*": 2500, "JP": 3500},
    express_days=4,
)
DOCUMENT: dict[str, Any] = {
    "version": "2022-07",
    "currency": "USD",
    "tax_behavior": "inclusive",
    "extra_key": 2900,
    "max_extra_keys": 3,
    "shipping": {"*": 1800, "IN": 2200},
    "express": {"*": 2500},
    "express_days": 4,
    "valid_from": NOW.isoformat(),
}


@pytest.mark.parametrize(
    ("keys", "service", "country", "is_sponsored", "lines"),
    [
        (2, "standard", "US", True, []),
        (1, "standard", "US", True, []),
        (3, "standard", "US", True, [("extra_keys", 1, 2900)]),
        (5, "standard", "US", True, [("extra_keys", 3, 2900)]),
        (2, "express", "US", True, [("express", 1, 2500)]),
        (2, "express", "JP", True, [("express", 1, 3500)]),
        (2, "standard", "BR", False, [("shipping", 1, 1800)]),
        (2, "standard", "IN", False, [("shipping", 1, 2200)]),
        # Express replaces standard shipping, so an unsponsored region pays for one of them.
        (2, "express", "IN", False, [("express", 1, 2500)]),
        (3, "express", "IN", False, [("extra_keys", 1, 2900), ("express", 1, 2500)]),
        (2, "standard", "IS", False, []),
    ],
)
def test_what_a_claim_costs(
    keys: int, service: str, country: str, is_sponsored: bool, lines: list[tuple[str, int, int]]
) -> None:
    answer = quote_lines(
        LIST, keys=keys, free_keys=2, service=service, country=country, is_sponsored=is_sponsored
    )
    assert isinstance(answer, Quote)
    assert [(line.kind, line.quantity, line.unit_amount) for line in answer.lines] == lines
    assert answer.total == sum(quantity * unit for _, quantity, unit in lines)
    assert answer.currency == ("USD" if lines else "")


@pytest.mark.parametrize(
    ("prices", "keys", "service", "is_sponsored", "field"),
    [
        (LIST, 6, "standard", True, "items"),
        (None, 3, "standard", True, "items"),
        (Prices(version="1", currency="USD", max_extra_keys=3), 3, "standard", True, "items"),
        (None, 2, "express", True, "service"),
        (None, 2, "standard", False, "shipping_address.country"),
        (
            Prices(version="1", currency="USD", shipping={"FR": 100}),
            2,
            "standard",
            False,
            "shipping_address.country",
        ),
    ],
)
def test_what_is_not_sold_is_refused_by_its_field(
    prices: Prices | None, keys: int, service: str, is_sponsored: bool, field: str
) -> None:
    answer = quote_lines(
        prices, keys=keys, free_keys=2, service=service, country="DE", is_sponsored=is_sponsored
    )
    assert isinstance(answer, NotSold)
    assert answer.error.field == field


@given(
    extra_key=st.integers(0, 10**5),
    keys=st.integers(1, 6),
    service=st.sampled_from(["standard", "express"]),
    is_sponsored=st.booleans(),
)
def test_a_total_is_the_sum_of_its_lines_and_never_negative(
    extra_key: int, keys: int, service: str, is_sponsored: bool
) -> None:
    prices = Prices(
        version="1",
        currency="JPY",
        extra_key=extra_key,
        max_extra_keys=9,
        shipping={"*": 7},
        express={"*": 9},
    )
    answer = quote_lines(
        prices, keys=keys, free_keys=2, service=service, country="DE", is_sponsored=is_sponsored
    )
    assert isinstance(answer, Quote)
    assert answer.total == sum(line.quantity * line.unit_amount for line in answer.lines) >= 0
    assert answer.is_free == (not answer.lines)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": "XXX"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"extra_key": -1}, "extra_key"),
        ({"extra_key": 29.0}, "extra_key"),
        ({"extra_key": True}, "extra_key"),
        ({"extra_key": "2900"}, "extra_key"),
        ({"extra_key": 2_900_000}, "extra_key"),
        ({"extra_key": 29}, "extra_key"),
        ({"max_extra_keys": 0}, "max_extra_keys"),
        ({"max_extra_keys": 1000}, "max_extra_keys"),
        ({"shipping": {"*": -1800}}, "shipping.*"),
        ({"shipping": {"Germany": 1800}}, "shipping.Germany"),
        ({"shipping": [1800]}, "shipping"),
        ({"express": {"DE": 10**12}}, "express.DE"),
        ({"express_days": 0}, "express_days"),
        ({"tax_behavior": "none"}, "tax_behavior"),
        ({"valid_from": "2022-07-11"}, "valid_from"),
        ({"valid_from": "tomorrow"}, "valid_from"),
        ({"valid_until": "2021-01-01T00:00:00Z"}, "valid_until"),
        ({"version": ""}, "version"),
        ({"discount": 5}, "discount"),
        # A dinar has a thousand fils, and cards charge them by tens.
        ({"currency": "KWD", "extra_key": 8_905, "shipping": {}, "express": {}}, "extra_key"),
    ],
)
def test_absurd_price_lists_are_refused_by_field(changes: dict[str, Any], field: str) -> None:
    published, problems = parse_prices({**DOCUMENT, **changes})
    assert published is None
    assert [problem.field for problem in problems] == [field]


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [("USD", 2900, "$29.00"), ("JPY", 500, "¥500"), ("KWD", 1250, "KWD1.250"), ("EUR", -50, "-€0.50")],
)
def test_money_is_shown_in_its_own_minor_unit(currency: str, amount: int, text: str) -> None:
    assert format_money(amount, currency) == text


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_every_currency_knows_its_decimals(currency: str) -> None:
    from babel.numbers import get_currency_precision

    assert CURRENCIES[currency].exponent == get_currency_precision(currency)


@pytest.fixture
def prices(campaign: Campaign) -> PriceList:
    return publish_prices(campaign=campaign, document=DOCUMENT, actor="staff", now=NOW)


@pytest.mark.django_db
class TestPriceLists:
    def test_the_list_in_force_is_the_newest_begun(self, campaign: Campaign, prices: PriceList) -> None:
        later = {
            **DOCUMENT,
            "version": "2022-08",
            "extra_key": 3100,
            "valid_from": (NOW + timedelta(days=21)).isoformat(),
        }
        publish_prices(campaign=campaign, document=later, actor="staff", now=NOW)
        versions = [
            in_force.version if (in_force := prices_in_force(campaign, NOW + timedelta(days=days))) else None
            for days in (-1, 0, 20, 21)
        ]
        assert versions == [None, "2022-07", "2022-07", "2022-08"]

    def test_the_same_list_again_changes_nothing(self, campaign: Campaign, prices: PriceList) -> None:
        again = publish_prices(
            campaign=campaign, document=DOCUMENT, actor="staff", now=NOW + timedelta(days=9)
        )
        assert again == prices

    @pytest.mark.parametrize(
        "changes",
        [{"extra_key": 3100}, {"version": "x", "valid_from": "2022-01-01T00:00:00Z"}, {"version": "x"}],
        ids=["another list of that version", "a list that changes the past", "two that begin together"],
    )
    def test_what_was_published_is_not_rewritten(
        self, campaign: Campaign, prices: PriceList, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(InputErrors):
            publish_prices(campaign=campaign, document={**DOCUMENT, **changes}, actor="staff", now=NOW)
        assert PriceList.objects.get() == prices

    def test_the_database_keeps_a_published_list_as_it_is(self, prices: PriceList) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            PriceList.objects.update(document={**DOCUMENT, "extra_key": 1})
        with pytest.raises(DatabaseError), transaction.atomic():
            prices.delete()


@pytest.mark.django_db
@pytest.mark.usefixtures("stock")
class TestClaimsThatCost:
    def test_the_quote_is_frozen_and_the_keys_are_held_until_it_is_paid(
        self, make_claim: MakeClaim, prices: PriceList
    ) -> None:
        claim = make_claim(items=[WantedItem(USB_A, 2), WantedItem(USB_C, 1)], service="express")
        assert claim.state == "awaiting_payment"
        assert claim.payment_due_at == NOW + timedelta(hours=23)
        assert claim.quote.as_quote() == Quote(
            lines=(QuoteLine("extra_keys", 1, 2900), QuoteLine("express", 1, 2500)),  # type: ignore[arg-type]
            currency="USD",
            tax_behavior="inclusive",
            prices="2022-07",
            express_days=4,
        )
        assert Unit.objects.held_by(claim.code).count() == 3
        mail = compose_email(Notice.objects.get()).email
        assert "$54.00" in mail.body
        assert "until 12 July 2022, 11:00 UTC" in mail.body
        with pytest.raises(DatabaseError), transaction.atomic():
            ClaimQuote.objects.update(total=1)

    def test_a_free_claim_has_no_quote(self, make_claim: MakeClaim, prices: PriceList) -> None:
        claim = make_claim()
        assert claim.state == "accepted"
        assert claim.payment_due_at is None
        assert not ClaimQuote.objects.exists()

    def test_the_quote_shown_is_the_one_made(
        self, campaign: Campaign, make_claim: MakeClaim, prices: PriceList
    ) -> None:
        items = [WantedItem(USB_A, 3)]
        quoted = quote_for(campaign=campaign, items=items, country="US", service="standard", now=NOW)
        claim = make_claim(items=items, agreed=quoted)
        assert claim.quote.as_quote() == quoted

    def test_a_price_that_changed_meanwhile_is_asked_again(
        self, campaign: Campaign, make_claim: MakeClaim, prices: PriceList
    ) -> None:
        items = [WantedItem(USB_A, 3)]
        agreed = quote_for(campaign=campaign, items=items, country="US", service="standard", now=NOW)
        dearer = {
            **DOCUMENT,
            "version": "dearer",
            "extra_key": 3100,
            "valid_from": (NOW + timedelta(minutes=5)).isoformat(),
        }
        publish_prices(campaign=campaign, document=dearer, actor="staff", now=NOW)
        with pytest.raises(PriceChanged) as refusal:
            make_claim(items=items, agreed=agreed, now=NOW + timedelta(minutes=10))
        assert refusal.value.quote.total == 3100
        assert not Claim.objects.exists()
        with pytest.raises(PriceChanged):
            make_claim(items=items, agreed=FREE)

    def test_without_prices_nothing_beyond_the_allotment_is_given(
        self, make_claim: MakeClaim, address: PostalAddress
    ) -> None:
        Region.objects.filter(country="US").update(is_sponsored=False)
        wishes: list[dict[str, Any]] = [{"items": [WantedItem(USB_A, 3)]}, {"service": "express"}, {}]
        for wish in wishes:
            with pytest.raises(BadRequest):
                make_claim(**wish)
        assert not Claim.objects.exists()
