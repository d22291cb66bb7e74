"""Public pages: a campaign's statistics, charts, files and badge."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from common import clock
from fulfillment.claims.models import Campaign
from reports import redemption_tables
from reports.presenters import downloads, sections_of
from reports.public.badge import badge_svg
from reports.public.figures import public_keys, public_report
from reports.tables import Report
from reports.views import as_file, as_picture

_KEPT = cache_control(public=True, max_age=300)


def _campaign(slug: str) -> Campaign:
    campaign = Campaign.objects.filter(slug=slug).first()
    if campaign is None:
        raise Http404(f"There is no campaign {slug}.")
    return campaign


def _published(slug: str) -> Report:
    return redemption_tables.published(public_report(_campaign(slug).slug, now=clock.now()))


@require_safe
@_KEPT
def statistics(request: HttpRequest, slug: str) -> HttpResponse:
    """The published report as a page."""
    campaign = _campaign(slug)
    report = _published(slug)
    return render(
        request,
        "reports/public.html",
        {
            "campaign": campaign,
            "report": report,
            "document": report.document,
            "as_of": datetime.fromisoformat(report.as_of),
            "keys": public_keys(campaign, now=clock.now()),
            "sections": sections_of(
                report,
                picture_url=reverse("statistics_picture", args=[slug, "NAME", "THEME"]),
                query="",
                leave_out=frozenset({"headline"}),
            ),
            "downloads": downloads(reverse("statistics_file", args=[slug, "FORMAT"]), ""),
        },
    )


@require_safe
@_KEPT
def statistics_picture(request: HttpRequest, slug: str, name: str, theme: str) -> HttpResponse:
    return as_picture(_published(slug), name, theme)


@require_safe
@_KEPT
def statistics_file(request: HttpRequest, slug: str, form: str) -> HttpResponse:
    return as_file(_published(slug), form)


@require_safe
@_KEPT
@xframe_options_exempt
def badge(request: HttpRequest, slug: str) -> HttpResponse:
    """An SVG badge with the number of redeemed keys, for other sites to embed."""
    return HttpResponse(
        badge_svg(public_keys(_campaign(slug), now=clock.now())),
        content_type="image/svg+xml",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Origin": "*",
        },
    )
