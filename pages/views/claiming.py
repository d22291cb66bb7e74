"""Making a claim, one page per step: plain forms whose answers are kept and can be resumed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as text
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from common import clock
from common.errors import BadRequest
from fulfillment.claims.eligibility import explain
from fulfillment.claims.errors import AlreadyClaimed, Ineligible, PriceChanged
from fulfillment.claims.models import Campaign, Claim, Draft, Region
from fulfillment.claims.pricing import prices_in_force, quote_for
from fulfillment.claims.region_lookup import address_region, country_region, open_regions
from fulfillment.claims.rules.quotes import ANYWHERE, Prices, Quote
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR, KEEP_DRAFT_FOR
from fulfillment.claims.selectors import current_campaign
from fulfillment.claims.services import drafts
from fulfillment.vault.addresses import PostalAddress
from pages import key_recommendation, verdicts
from pages.claim_steps import ClaimStep, next_claim_step, waypoints
from pages.current_account import claimant_actor, roster_account
from pages.forms.country import CountryForm
from pages.forms.keys import STANDARD, KeysForm
from pages.views.addresses import ask_address
from roster.models import Account
from roster.rules import Decision

# Form value: send the keys in stock now.
PART = "part"
_P = ParamSpec("_P")
_View = Callable[Concatenate[HttpRequest, _P], HttpResponse]


@dataclass(frozen=True)
class Visit:
    """A maintainer making a claim."""

    request: HttpRequest
    campaign: Campaign
    account: Account
    draft: Draft
    now: datetime

    @property
    def actor(self) -> str:
        return claimant_actor(self.account)

    def show(
        self, step: ClaimStep, template: str, context: dict[str, object], *, status: int = 200
    ) -> HttpResponse:
        shared = {
            "campaign": self.campaign,
            "account": self.account,
            "draft": self.draft,
            "waypoints": waypoints(self.draft, step),
            "address_kept_days": KEEP_ADDRESS_FOR.days,
            "draft_kept_days": KEEP_DRAFT_FOR.days,
        }
        return render(self.request, template, shared | context, status=status)


def _claiming(view: Callable[Concatenate[Visit, _P], HttpResponse]) -> _View[_P]:
    """Admit maintainers without a live claim; redirect others to their claim, and show staff the reason."""

    @never_cache
    @login_required
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def gate(request: HttpRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
        now = clock.now()
        account = roster_account(request)
        campaign = current_campaign(now, among=_with_own_claim(account))
        if campaign is None or account is None:
            return render(request, "pages/nothing_to_claim.html", {"campaign": campaign, "account": account})
        if request.method == "POST" and (made := _made_of(request, account)):
            return redirect("claims:claim", made)
        own_claim: str | None = campaign.own_claim  # type: ignore[attr-defined]  # the annotation
        if own_claim:
            if request.method == "POST":
                messages.info(request, text("You already have a claim. It is shown here."))
            return redirect("claims:claim", own_claim)
        draft = drafts.draft_of(account=account, campaign=campaign, now=now)
        return view(Visit(request, campaign, account, draft, now), *args, **kwargs)

    return cast(_View[_P], gate)  # the decorators name the first argument, the type does not


def _with_own_claim(account: Account | None) -> QuerySet[Campaign]:
    """Campaigns, annotated with the code of the maintainer's live claim."""
    own = Claim.objects.live().of(account.pk if account else 0).filter(campaign=OuterRef("pk"), replaces=None)
    return Campaign.objects.annotate(own_claim=Subquery(own.values("code")[:1]))


def _made_of(request: HttpRequest, account: Account) -> str | None:
    """The code of the claim this form has already made, after a double click or the back button."""
    code = request.POST.get("draft", "")[:20]
    if not code or "\x00" in code:
        return None
    made = Draft.objects.filter(code=code, account=account, claim__isnull=False)
    return made.values_list("claim__code", flat=True).first()


@_claiming
def start(visit: Visit) -> HttpResponse:
    """Eligibility: every rule's verdict, and the form for the country."""
    regions = open_regions(visit.now)
    open_countries = [region.country for region in regions]
    if visit.request.method == "POST":
        form = CountryForm(visit.request.POST, open_countries=open_countries)
        if not form.is_valid():
            return _show_start(visit, form, country=visit.draft.country or None, status=422)
        drafts.choose_country(visit.draft, country=form.cleaned_data["country"], now=visit.now)
        return _show_start(visit, form, country=visit.draft.country, goes_on=True)
    asked = CountryForm(visit.request.GET, open_countries=open_countries)
    named = asked.cleaned_data["country"] if asked.is_valid() else ""
    country = named or visit.draft.country
    form = CountryForm(open_countries=open_countries, country=country)
    return _show_start(visit, form, country=country or None)


def _show_start(
    visit: Visit, form: CountryForm, *, country: str | None, goes_on: bool = False, status: int = 200
) -> HttpResponse:
    explained = explain(account=visit.account, campaign=visit.campaign, country=country, now=visit.now)
    found = verdicts.before_country(explained.decision)
    failed = [verdict for verdict in found if verdict.outcome == "fail"]
    if goes_on and not failed:
        return redirect(f"claims:{next_claim_step(visit.draft)}")
    available = explained.facts.keys_available or 0
    return visit.show(
        ClaimStep.START,
        "pages/claiming/start.html",
        {
            "form": form,
            "verdicts": [verdicts.verdict_card(verdict) for verdict in verdicts.refusals_first(found)],
            "may_claim": not failed,
            # Another country can change the result, so the form is always shown.
            "only_country": bool(failed) and all(verdict.rule == "region" for verdict in failed),
            "needs_review": any(verdict.outcome == "review" for verdict in found),
            "is_left_out": any(verdict.rule == "not_opted_out" for verdict in failed),
            "is_waitlist": available < visit.campaign.per_claim,
        },
        status=status,
    )


@_claiming
def keys(visit: Visit) -> HttpResponse:
    """Choose keys, with a recommendation by ports."""
    if not visit.draft.country:
        return redirect("claims:start")
    offered = key_recommendation.offered_by(visit.campaign, country=visit.draft.country, now=visit.now)
    prices = prices_in_force(visit.campaign, visit.now)
    asked = [port for port in visit.request.GET.getlist("port") if port in key_recommendation.PORTS]
    chosen = {item.sku: item.quantity for item in drafts.draft_items(visit.draft) if item.sku}
    if asked or not chosen:
        chosen = key_recommendation.suggested(asked, offered, quantity=visit.campaign.per_claim)
    form = KeysForm(
        visit.request.POST if visit.request.method == "POST" else None,
        offered=offered,
        most=visit.campaign.per_claim + _extra_keys(prices),
        express=_sells_express(prices, visit.draft.country),
        initial=chosen,
        service=visit.draft.service,
    )
    if visit.request.method == "POST" and form.is_valid():
        drafts.choose_keys(visit.draft, items=form.wanted, service=form.service_chosen, now=visit.now)
        return redirect(f"claims:{next_claim_step(visit.draft)}")
    return visit.show(
        ClaimStep.KEYS,
        "pages/claiming/keys.html",
        {
            "form": form,
            "ports": [(port, name, port in asked) for port, name in key_recommendation.PORTS.items()],
            "is_suggested": bool(asked),
            "extra_keys": _extra_keys(prices),
        },
        status=422 if form.is_bound else 200,
    )


def _extra_keys(prices: Prices | None) -> int:
    return prices.max_extra_keys if prices is not None and prices.extra_key is not None else 0


def _sells_express(prices: Prices | None, country: str) -> bool:
    return prices is not None and bool({country, ANYWHERE} & set(prices.express))


@_claiming
def address_step(visit: Visit) -> HttpResponse:
    """Enter the address in the country's format."""
    if not visit.draft.country:
        return redirect("claims:start")

    def keep(given: PostalAddress) -> HttpResponse:
        drafts.store_draft_address(visit.draft, address=given, now=visit.now)
        return redirect(f"claims:{next_claim_step(visit.draft)}")

    return ask_address(
        visit.request,
        country=visit.draft.country,
        region=country_region(country=visit.draft.country, now=visit.now),
        now=visit.now,
        known=lambda: drafts.draft_address(visit.draft, actor=visit.actor, now=visit.now),
        keep=keep,
        show=lambda template, context, status: visit.show(
            ClaimStep.ADDRESS, template, context, status=status
        ),
        template="pages/claiming/address.html",
    )


@_claiming
def check_answers_step(visit: Visit) -> HttpResponse:
    """Check the answers and submit the claim."""
    if (missing := next_claim_step(visit.draft)) is not ClaimStep.REVIEW:
        return redirect(f"claims:{missing}")
    given = drafts.draft_address(visit.draft, actor=visit.actor, now=visit.now)
    if given is None:
        return redirect("claims:address")
    try:
        region = address_region(given, now=visit.now)
        quote = quote_for_draft(visit.draft, region=region, now=visit.now)
    except BadRequest as error:
        return _back_to_invalid_step(visit, error)
    explained = explain(
        account=visit.account,
        campaign=visit.campaign,
        country=visit.draft.country,
        now=visit.now,
        region=region,
    )
    if visit.request.method == "POST":
        if visit.request.POST.get("draft") != visit.draft.code:
            out_of_date = text("This page was out of date. Check the current details.")
            messages.warning(visit.request, out_of_date)
            return redirect("claims:review")
        return _submit(visit, given, quote=quote, region=region, decision=explained.decision)
    return _show_review(visit, given, quote=quote, region=region, decision=explained.decision)


def quote_for_draft(draft: Draft, *, region: Region | None, now: datetime) -> Quote:
    """The price of the draft. Raises: BadRequest: an item is not sold."""
    return quote_for(
        campaign=draft.campaign,
        items=drafts.draft_items(draft),
        country=draft.country,
        service=draft.service,
        now=now,
        region=region,
    )


def _submit(
    visit: Visit, given: PostalAddress, *, quote: Quote, region: Region | None, decision: Decision
) -> HttpResponse:
    if visit.request.POST.get("agreed") != _agreement(quote):
        return _show_dearer(visit, given, quote=quote, region=region, decision=decision)
    try:
        claim = drafts.submit_draft(
            visit.draft,
            address=given,
            agreed=quote,
            actor=visit.actor,
            now=visit.now,
            # Paid claims are never split.
            in_part=quote.is_free and visit.request.POST.get("when_short") == PART,
        )
    except PriceChanged as error:
        return _show_dearer(visit, given, quote=error.quote, region=region, decision=decision)
    except Ineligible as error:
        return _show_review(visit, given, quote=quote, region=region, decision=error.decision, status=403)
    except AlreadyClaimed as error:
        return redirect("claims:claim", error.claim_code)
    except BadRequest as error:
        return _back_to_invalid_step(visit, error)
    return redirect("claims:made", claim.code)


def _show_dearer(
    visit: Visit, given: PostalAddress, *, quote: Quote, region: Region | None, decision: Decision
) -> HttpResponse:
    return _show_review(
        visit, given, quote=quote, region=region, decision=decision, is_dearer=True, status=409
    )


def _back_to_invalid_step(visit: Visit, error: BadRequest) -> HttpResponse:
    """Send the person back to the step whose answer is no longer valid: a region or a model changed."""
    if any("address" in problem.field for problem in error.errors):
        messages.error(visit.request, text("This country now requires more details. Check your address."))
        return redirect("claims:address")
    drafts.choose_keys(visit.draft, items=[], service=STANDARD, now=visit.now)
    messages.error(visit.request, _keys_changed())
    return redirect("claims:keys")


def _keys_changed() -> str:
    return text("Your choice of keys is no longer available. Choose again.")


def _agreement(quote: Quote) -> str:
    """The shown price, as submitted with the form."""
    return f"{quote.total} {quote.currency}".strip()


def _show_review(
    visit: Visit,
    given: PostalAddress,
    *,
    quote: Quote,
    region: Region | None,
    decision: Decision,
    is_dearer: bool = False,
    status: int = 200,
) -> HttpResponse:
    offered = {
        model.sku: model
        for model in key_recommendation.offered_by(visit.campaign, country=visit.draft.country, now=visit.now)
    }
    wanted = [(offered[sku], quantity) for sku, quantity in visit.draft.wanted.items() if sku in offered]
    failed = [verdict for verdict in decision.verdicts if verdict.outcome == "fail"]
    short = [model for model, quantity in wanted if model.available < quantity]
    at_once = sum(min(model.available, quantity) for model, quantity in wanted)
    return visit.show(
        ClaimStep.REVIEW,
        "pages/claiming/review.html",
        {
            "address": given,
            "address_url": reverse("claims:address"),
            "region": region,
            "items": wanted,
            "quote": quote,
            "agreement": _agreement(quote),
            "is_dearer": is_dearer,
            "may_claim": not failed,
            "needs_review": decision.outcome == "review",
            "verdicts": [verdicts.verdict_card(verdict) for verdict in failed],
            "short": short,
            # Splitting is offered if something is in stock and nothing has to be paid.
            "can_split": bool(short) and at_once > 0 and quote.is_free,
            "at_once": at_once,
            "later": sum(quantity for _model, quantity in wanted) - at_once,
            "days": quote.express_days or (region.promised_days if region else None),
        },
        status=status,
    )
