"""Published statistics (public) and the redemption report as a file (with a token)."""

from datetime import datetime
from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from api.authentication import bearer_token
from api.errors import MissingScope
from api.reports.schemas import StatsOut
from api.responses import CampaignQuery, answers, for_anyone, needs
from common import clock
from common.errors import BadRequest, FieldError, InputError
from fulfillment.claims.errors import UnknownCampaign
from fulfillment.claims.models import Campaign
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from reports import redemption_tables
from reports.as_of import read_as_of
from reports.cache import kept_release, kept_report
from reports.documents import PublishedReport
from reports.exports import FORMATS
from reports.public.figures import public_report

router = Router(tags=["reports"])
stats = Router(tags=["reports"])

FormatQuery = Annotated[
    Literal["json", "csv", "xlsx", "parquet", "html", "pdf", "csv.zip", "parquet.zip"],
    Query("json", alias="format", description="csv.zip and parquet.zip contain one file for each table."),
]
MomentQuery = Annotated[
    str, Query("", max_length=64, description="An RFC 3339 date and time with time zone; now if left out.")
]


@stats.get(
    "/{slug}", response=answers(StatsOut), summary="Published statistics of a campaign", **for_anyone()
)
def get_stats(
    request: HttpRequest, slug: Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
) -> PublishedReport:
    """People are counted in whole groups of `smallest_group`, as of fixed dates.

    Repeated requests therefore reveal nothing more. `method` describes how. Null means too few to publish.
    """
    return public_report(campaign_by_slug(slug).slug, now=clock.now())


@router.get("/redemption", summary="The redemption report", response=answers(dict), **needs("reports:read"))
def get_redemption(
    request: HttpRequest,
    campaign: CampaignQuery,
    as_of: MomentQuery,
    form: FormatQuery,
    exact: Annotated[bool, Query(False, description="Requires the scope reports:exact.")],
) -> HttpResponse:
    """As published at a given time; with `exact=true`, exact to the unit and cent, including small groups."""
    moment = _moment(as_of, campaign)
    if exact:
        if "reports:exact" not in bearer_token(request).scopes:
            raise MissingScope("reports:exact")
        document = kept_report(campaign_slug=campaign, as_of=moment, now=clock.now())
        report = redemption_tables.exact(document)
    else:
        report = redemption_tables.published(
            kept_release(
                campaign_slug=_campaign(campaign).slug,
                as_of=moment or clock.now(),
                smallest_group=settings.ENVIRONMENT.smallest_group,
            )
        )
    writing = FORMATS[form]
    return HttpResponse(writing.write(report), content_type=writing.content_type)


def _campaign(slug: str | None) -> Campaign:
    campaign = campaign_by_slug(slug) if slug else current_campaign(clock.now())
    if campaign is None:
        raise UnknownCampaign("current")
    return campaign


def _moment(text: str, slug: str | None) -> datetime | None:
    if slug:
        campaign_by_slug(slug)
    if not text:
        return None
    try:
        return read_as_of(text, argument="as_of", campaign_slug=slug, now=clock.now())
    except InputError as error:
        problem = error.problems[0]
        raise BadRequest([FieldError("as_of", "bad_moment", str(problem))]) from None
