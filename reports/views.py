"""Report pages for staff: exact numbers for those who may see people, published ones for others."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import clock
from common.errors import InputError
from config.access import staff_required
from config.models import User
from desk.permissions import may, roles_of
from desk.roles import Action, who_may
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Campaign
from fulfillment.claims.selectors import current_campaign
from reports import redemption_tables
from reports.as_of import moment_in_words, programme_start, read_as_of
from reports.cache import kept_picture, kept_release, kept_report
from reports.catalogue import STATEMENTS
from reports.chart_registry import pictures_of
from reports.documents import ParcelCosts, RedemptionReport, StockCounts
from reports.exports import FORMATS
from reports.exports.terminal import money_text, percent
from reports.metrics import STEPS, UNKNOWN_COUNTRY
from reports.presenters import choices, downloads, sections_of
from reports.tables import Report

# The page has no scripts; it needs a policy of its own because it is also opened as a file.
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SCREEN_THEMES = ("light", "dark")
# Tables that the exact report's page shows in its own sections.
_SHOWN_APART = frozenset({"headline", "by_week", "by_country", "stock", "claims", "refusals"})


@dataclass(frozen=True)
class _Asked:
    """The query of the page: empty for all campaigns, and for now."""

    as_of: str
    campaign: str

    @property
    def query(self) -> str:
        given = {"campaign": self.campaign, "as_of": self.as_of}
        return urlencode({name: value for name, value in given.items() if value})


def _asked(request: HttpRequest) -> _Asked:
    return _Asked(request.GET.get("as_of", "").strip(), request.GET.get("campaign", "").strip())


@require_safe
@never_cache
@staff_required
def redemption(request: HttpRequest) -> HttpResponse:
    """The redemption report, as of now or of a given moment."""
    asked = _asked(request)
    try:
        report = _redemption(request, asked)
    except InputError as error:
        context = {"asked": asked.as_of, "problem": error.problems[0]}
        return render(request, "reports/redemption.html", context, status=400)
    made = _Asked(report.as_of, asked.campaign)
    context = {"asked": asked.as_of, "campaign": asked.campaign, **_around(request, asked, report)}
    picture_url = reverse("reports:picture", args=["NAME", "THEME"])
    if report.name == "published":
        context["sections"] = sections_of(report, picture_url=picture_url, query=made.query)
        return render(request, "reports/published.html", context)
    sections = sections_of(report, picture_url=picture_url, query=made.query, leave_out=_SHOWN_APART)
    page = _page(cast(RedemptionReport, report.document), made)
    return render(request, "reports/redemption.html", {**context, "sections": sections, **page})


@require_safe
@never_cache
@staff_required
def redemption_file(request: HttpRequest, form: str) -> HttpResponse:
    """The same report as a file."""
    try:
        return as_file(_redemption(request, _asked(request)), form)
    except InputError as error:
        raise Http404(str(error)) from None


@require_safe
@never_cache
@staff_required
def picture(request: HttpRequest, name: str, theme: str) -> HttpResponse:
    """One chart of the report."""
    try:
        report = _redemption(request, _asked(request))
    except InputError as error:
        raise Http404(str(error)) from None
    return as_picture(report, name, theme)


@require_safe
@never_cache
@staff_required
def comparison(request: HttpRequest) -> HttpResponse:
    """Compare two dates or campaigns: exact or published, by the reader's permission."""
    asked, other = _asked(request), _other(request)
    context: dict[str, object] = {
        "asked": asked,
        "other": other,
        "campaigns": list(Campaign.objects.order_by("-opens_at").values_list("slug", "name")[:20]),
        "may_all": _sees_people(request),
    }
    try:
        report = _comparison(request, asked, other)
    except InputError as error:
        context["problem"] = error.problems[0]
        return render(request, "reports/comparison.html", context, status=400)
    query = urlencode({name: value for name, value in request.GET.items() if value})
    context |= {
        "report": report,
        "sections": sections_of(report, picture_url="", query=""),
        "downloads": downloads(reverse("reports:comparison_file", args=["FORMAT"]), query),
    }
    return render(request, "reports/comparison.html", context)


@require_safe
@never_cache
@staff_required
def comparison_file(request: HttpRequest, form: str) -> HttpResponse:
    """The same comparison as a file."""
    try:
        return as_file(_comparison(request, _asked(request), _other(request)), form)
    except InputError as error:
        raise Http404(str(error)) from None


@require_safe
@never_cache
@staff_required
def statement(request: HttpRequest, name: str) -> HttpResponse:
    """One of the other reports: exact, so they require permission to see people."""
    if not _sees_people(request):
        return _refused(request)
    asked = _asked(request)
    try:
        report = STATEMENTS[name].make(_moment(asked) or clock.now())
    except InputError as error:
        context: dict[str, object] = {"asked": asked.as_of, "problem": error.problems[0], "name": name}
        return render(request, "reports/statement.html", context, status=400)
    context = {
        "asked": asked.as_of,
        "name": name,
        "report": report,
        "as_of": datetime.fromisoformat(report.as_of),
        "sections": sections_of(report, picture_url="", query=""),
        "downloads": downloads(
            reverse("reports:statement_file", args=[name, "FORMAT"]), _Asked(report.as_of, "").query
        ),
        "statements": _others(),
    }
    return render(request, "reports/statement.html", context)


@require_safe
@never_cache
@staff_required
def statement_file(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """One of the other reports as a file."""
    if not _sees_people(request):
        return _refused(request)
    try:
        return as_file(STATEMENTS[name].make(_moment(_asked(request)) or clock.now()), form)
    except InputError as error:
        raise Http404(str(error)) from None


def as_file(report: Report, form: str) -> HttpResponse:
    """A report as a download, named after the report and its date."""
    if form not in FORMATS:
        raise Http404(f"There is no format {form}.")
    writing = FORMATS[form]
    day = report.as_of[:10]
    response = HttpResponse(writing.write(report), content_type=writing.content_type)
    response["Content-Disposition"] = f'attachment; filename="{report.name}-{day}.{writing.suffix}"'
    if form == "html":
        response["Content-Security-Policy"] = CHART_POLICY
    return response


def as_picture(report: Report, name: str, theme: str) -> HttpResponse:
    """One chart of a report as SVG. Raises: Http404: no such chart or theme, or no data yet."""
    found = [one for one in pictures_of(report) if one.name == name]
    if theme not in SCREEN_THEMES or not found:
        raise Http404("Chart not found, or there is nothing to draw yet.")
    svg = kept_picture(found[0], report.document, theme)
    return HttpResponse(
        svg, content_type="image/svg+xml", headers={"Content-Security-Policy": "default-src 'none'"}
    )


def _sees_people(request: HttpRequest) -> bool:
    return may(roles_of(cast(User, request.user)), Action.SEE_PERSON)


def _refused(request: HttpRequest) -> HttpResponse:
    context = {"action": Action.SEE_PERSON.label, "who_may": who_may(Action.SEE_PERSON)}
    return render(request, "desk/not_allowed.html", context, status=403)


def _redemption(request: HttpRequest, asked: _Asked) -> Report:
    """The exact report for staff who may see people, the published one for others."""
    now = clock.now()
    moment = _moment(asked)
    if _sees_people(request):
        return redemption_tables.exact(
            kept_report(campaign_slug=asked.campaign or None, as_of=moment, now=now)
        )
    campaign = asked.campaign or getattr(current_campaign(now), "slug", "")
    return redemption_tables.published(
        kept_release(
            campaign_slug=campaign,
            as_of=moment or now,
            smallest_group=settings.ENVIRONMENT.smallest_group,
        )
    )


def _other(request: HttpRequest) -> _Asked:
    """The other side of the comparison: by default four weeks before now, and the same
    campaign."""
    asked = _Asked(
        request.GET.get("with_as_of", "").strip(),
        request.GET.get("with_campaign", "").strip() or request.GET.get("campaign", "").strip(),
    )
    if asked.as_of or asked.campaign != request.GET.get("campaign", "").strip():
        return asked
    before = (clock.now() - timedelta(days=28)).replace(hour=0, minute=0, second=0, microsecond=0)
    start = programme_start(asked.campaign or None)
    return _Asked(moment_in_words(before if start is None else max(before, start)), asked.campaign)


def _comparison(request: HttpRequest, asked: _Asked, other: _Asked) -> Report:
    """Raises: InputError: an invalid moment or unknown campaign."""
    from reports.statements.comparison import comparison_report

    first, second = _redemption(request, other), _redemption(request, asked)
    return comparison_report(first.document, second.document)


def _moment(asked: _Asked) -> datetime | None:
    """Raises: InputError: an unknown campaign or invalid moment."""
    if asked.campaign and not Campaign.objects.filter(slug=asked.campaign).exists():
        raise InputError("campaign", f"There is no campaign {asked.campaign!r}.")
    if not asked.as_of:
        return None
    slug = asked.campaign or None
    return read_as_of(asked.as_of, argument="as_of", campaign_slug=slug, now=clock.now())


def _around(request: HttpRequest, asked: _Asked, report: Report) -> dict[str, object]:
    """Context that both reports share: filters, downloads and links to the other reports."""
    page = reverse("reports:redemption")
    chosen = {"campaign": asked.campaign, "as_of": asked.as_of}
    slugs = list(Campaign.objects.order_by("-opens_at").values_list("slug", "name")[:20])
    now = clock.now()
    dates = [("", "now")]
    for days, words in ((7, "a week ago"), (28, "four weeks ago")):
        midnight = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        dates.append((moment_in_words(midnight), words))
    is_exact = report.name == "redemption"
    return {
        "report": report,
        "is_exact": is_exact,
        "public_slug": asked.campaign or (slugs[0][0] if slugs else ""),
        "campaigns": choices(
            page, chosen, "campaign", [*([("", "all campaigns")] if is_exact else []), *slugs]
        ),
        "dates": choices(page, chosen, "as_of", dates),
        "downloads": downloads(
            reverse("reports:redemption_file", args=["FORMAT"]), _Asked(report.as_of, asked.campaign).query
        ),
        "comparison": f"{reverse('reports:comparison')}?{urlencode({'campaign': asked.campaign})}",
        "statements": _others() if is_exact else [],
    }


def _others() -> list[tuple[str, str, str]]:
    return [(name, one.about, reverse("reports:statement", args=[name])) for name, one in STATEMENTS.items()]


def _page(report: RedemptionReport, made: _Asked) -> dict[str, object]:
    """Context of the exact report's page."""
    keys = report["keys"]
    return {
        "report": report,
        "as_of": datetime.fromisoformat(report["as_of"]),
        "steps": STEPS,
        "headline": [
            (step, count, percent(count, keys["total"]))
            for step, count in (*((step, keys[step]) for step in STEPS), ("available", keys["available"]))
        ],
        "redeemed_percent": percent(keys["redeemed"], keys["total"]),
        "chart_urls": {
            theme: f"{reverse('reports:picture', args=['keys_by_week', theme])}?{made.query}"
            for theme in SCREEN_THEMES
        },
        "weeks": [(week, [week["standing"][step] for step in STEPS]) for week in report["by_week"]],
        "countries": [
            (_name(row["country"]), row, [row[step] for step in STEPS]) for row in report["by_country"]
        ],
        "stock_rows": _stock_rows(report["stock"]),
        "sending": [_sending(row) for row in report["costs"]["sending"]],
        "refusals": [
            (rule.replace("_", " "), count) for rule, count in report["refusals"]["by_rule"].items()
        ],
        "claims": [
            (state.replace("_", " "), count) for state, count in report["claims"]["by_state"].items() if count
        ],
    }


def _name(country: str) -> str:
    return "Unknown" if country == UNKNOWN_COUNTRY else localized_country_name(country)


def _stock_rows(stock: StockCounts) -> list[tuple[str, list[int], int]]:
    models = stock["by_key_model"].values()
    return [
        (account.replace("_", " "), [model[account] for model in models], total)
        for account, total in stock["accounts"].items()
    ]


def _sending(row: ParcelCosts) -> dict[str, object]:
    pair, enrolled = row["cents_per_delivered_pair"], row["cents_per_enrolled"]
    return {
        "labels": row["labels"],
        "total": money_text(row["net_cents"], row["currency"]),
        "per_pair": None if pair is None else money_text(pair, row["currency"]),
        "per_enrolled": None if enrolled is None else money_text(enrolled, row["currency"]),
    }
