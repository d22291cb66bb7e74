"""Public pages, generated from campaign, policy and regions."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from operator import itemgetter

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import clock
from config import health
from fulfillment.claims.campaigns.regions import closed_models
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Claim, Region
from fulfillment.claims.region_lookup import closed_subdivisions, country_region, open_regions
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR
from fulfillment.claims.selectors import current_campaign
from fulfillment.notices.models import Notice
from fulfillment.privacy.data_inventory import ALL_SECTIONS
from pages import verdicts
from pages.current_account import roster_account
from pages.forms.country import CountryForm
from reports.public.figures import public_keys
from roster.rules import parse_policy


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Home page: the programme, keys left, and the next step."""
    now = clock.now()
    campaign = current_campaign(now)
    account = roster_account(request)
    keys = public_keys(campaign, now=now) if campaign else None
    live = None
    if campaign and account:
        live = Claim.objects.live().of(account.pk).filter(campaign=campaign, replaces=None).first()
    countries = [region.country for region in open_regions(now)]
    return render(
        request,
        "pages/home.html",
        {
            "campaign": campaign,
            "is_open": campaign is not None and campaign.opens_at <= now < campaign.closes_at,
            "is_over": campaign is not None and now >= campaign.closes_at,
            "keys": keys,
            "shown": {name: _number(count) for name, count in asdict(keys).items()} if keys else {},
            "account": account,
            "live_claim": live,
            "country_form": CountryForm(open_countries=countries),
            "country_count": len(countries),
        },
    )


@require_safe
def countries(request: HttpRequest) -> HttpResponse:
    """Whether keys are sent to a country, from the region table, without signing in."""
    now = clock.now()
    regions = open_regions(now)
    form = CountryForm(request.GET or None, open_countries=[region.country for region in regions])
    asked = form.cleaned_data["country"] if form.is_bound and form.is_valid() else ""
    return render(
        request,
        "pages/countries.html",
        {
            "campaign": current_campaign(now),
            "form": form,
            "asked": asked,
            "asked_name": localized_country_name(asked) if asked else "",
            "answer": country_region(country=asked, now=now) if asked else None,
            "closed": list(closed_models(country=asked, now=now).values()) if asked else [],
            "closed_parts": closed_subdivisions([asked], now=now).get(asked, []),
            "regions": sorted(
                ((localized_country_name(one.country), one) for one in regions), key=itemgetter(0)
            ),
            "elsewhere": _not_open(now),
        },
        status=422 if form.errors else 200,
    )


def _not_open(now: datetime) -> list[tuple[str, Region]]:
    """Countries that are closed, with reason and source."""
    closed = Region.objects.in_force(now).exclude(status=Region.Status.OPEN).filter(key_model=None)
    return [(localized_country_name(row.country), row) for row in closed.order_by("country", "subdivision")]


@require_safe
def eligibility(request: HttpRequest) -> HttpResponse:
    """How eligibility is decided: the policy in force, rule by rule."""
    campaign = current_campaign(clock.now())
    rules = verdicts.rules_in_words(parse_policy(campaign.policy.document)) if campaign else []
    return render(request, "pages/eligibility.html", {"campaign": campaign, "rules": rules})


@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """Questions and answers, from the programme's settings."""
    now = clock.now()
    campaign = current_campaign(now)
    regions = open_regions(now)
    models = campaign.key_models.filter(is_active=True).order_by("connector", "sku") if campaign else []
    return render(
        request,
        "pages/questions.html",
        {
            "campaign": campaign,
            "regions": regions,
            "days": _range([region.promised_days for region in regions]),
            "phone_needed": _names(region for region in regions if region.phone_required),
            "tax_id_needed": _names(region for region in regions if region.tax_id_required),
            "unsponsored": _names(region for region in regions if not region.is_sponsored),
            "models": models,
            "rules": verdicts.rules_in_words(parse_policy(campaign.policy.document)) if campaign else [],
            "address_kept_days": KEEP_ADDRESS_FOR.days,
        },
    )


def _names(regions: Iterable[Region]) -> list[str]:
    return sorted(localized_country_name(region.country) for region in regions)


def _range(days: list[int]) -> tuple[int, int] | None:
    return (min(days), max(days)) if days else None


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Personal data: contents, purpose, retention; from the same list as My data and the export."""
    return render(request, "pages/privacy.html", {"sections": ALL_SECTIONS})


@require_safe
def genuine_emails(request: HttpRequest) -> HttpResponse:
    """How to recognise our emails."""
    kinds = [gettext(template.label) for template in Notice.Template]
    return render(request, "pages/our_mail.html", {"kinds": kinds})


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Status page: the checks of /readyz for people."""
    found = health.check_all(now=clock.now())
    return render(
        request,
        "pages/status.html",
        {"checks": found, "is_well": all(check["ok"] for check in found.values()), "now": clock.now()},
    )


def _number(count: int) -> str:
    return formats.number_format(count, use_l10n=True, force_grouping=True)
