"""The report pages, for staff."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import clock
from config.access import staff_required
from config.errors import InputError
from fulfillment.claims.countries import country_name
from reports.cache import kept_chart, kept_report
from reports.charts import THEMES
from reports.metrics.keys import STEPS, UNKNOWN_COUNTRY
from reports.moments import read_as_of
from reports.text import money, percent

# Drawn from numbers and without scripts; its own policy, for it is opened by itself, too.
_CHART_POLICY = "default-src 'none'"


@require_safe
@never_cache
@staff_required
def redemption(request: HttpRequest) -> HttpResponse:
    """How many keys were redeemed, as of now or of the moment asked for."""
    asked = request.GET.get("as_of", "").strip()
    try:
        report = kept_report(as_of=_moment(asked), now=clock.now())
    except InputError as error:
        context = {"asked": asked, "problem": error.problems[0]}
        return render(request, "reports/redemption.html", context, status=400)
    return render(request, "reports/redemption.html", {"asked": asked, **_page(report)})


@require_safe
@never_cache
@staff_required
def redemption_chart(request: HttpRequest, theme: str) -> HttpResponse:
    """The picture of the page: keys at each step by week."""
    if theme not in THEMES:
        raise Http404(f"There is no {theme} chart.")
    try:
        report = kept_report(as_of=_moment(request.GET.get("as_of", "").strip()), now=clock.now())
    except InputError as error:
        raise Http404(str(error)) from None
    if not report["by_week"]:
        raise Http404("There is nothing to draw yet.")
    return HttpResponse(
        kept_chart(report, theme),
        content_type="image/svg+xml",
        headers={"Content-Security-Policy": _CHART_POLICY},
    )


def _moment(asked: str) -> datetime | None:
    return read_as_of(asked, argument="as_of", campaign_slug=None, now=clock.now()) if asked else None


def _page(report: dict[str, Any]) -> dict[str, Any]:
    """What the template shows; it does no sums."""
    keys = report["keys"]
    return {
        "report": report,
        "as_of": datetime.fromisoformat(report["as_of"]),
        "steps": STEPS,
        "headline": [
            (step, keys[step], percent(keys[step], keys["total"])) for step in (*STEPS, "available")
        ],
        "redeemed_percent": percent(keys["redeemed"], keys["total"]),
        "chart_urls": {theme: _chart_url(theme, report["as_of"]) for theme in THEMES},
        "weeks": [(week, [week["standing"][step] for step in STEPS]) for week in report["by_week"]],
        "countries": [
            (_name(row["country"]), row, [row[step] for step in STEPS]) for row in report["by_country"]
        ],
        "stock_rows": _stock_rows(report["stock"]),
        "postage": [_postage(row) for row in report["costs"]["postage"]],
        "refusals": [
            (rule.replace("_", " "), count) for rule, count in report["refusals"]["by_rule"].items()
        ],
        "claims": [
            (state.replace("_", " "), count) for state, count in report["claims"]["by_state"].items() if count
        ],
    }


def _chart_url(theme: str, as_of: str) -> str:
    return f"{reverse('reports:redemption_chart', args=[theme])}?{urlencode({'as_of': as_of})}"


def _name(country: str) -> str:
    return "Unknown" if country == UNKNOWN_COUNTRY else country_name(country)


def _stock_rows(stock: dict[str, Any]) -> list[tuple[str, list[int], int]]:
    models = stock["by_key_model"].values()
    return [
        (account.replace("_", " "), [model[account] for model in models], total)
        for account, total in stock["accounts"].items()
    ]


def _postage(row: dict[str, Any]) -> dict[str, Any]:
    pair = row["cents_per_delivered_pair"]
    return {
        "labels": row["labels"],
        "total": money(row["cents"], row["currency"]),
        "per_pair": None if pair is None else money(pair, row["currency"]),
    }
