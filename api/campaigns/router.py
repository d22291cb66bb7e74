"""Campaigns and their key counts. Public."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router

from api.campaigns.schemas import CampaignOut
from api.campaigns.serializers import serialize_campaign
from api.responses import answers, for_anyone
from common import clock
from fulfillment.claims.selectors import campaign_by_slug

router = Router(tags=["campaigns"])


@router.get("/{slug}", response=answers(CampaignOut), summary="Get a campaign", **for_anyone())
def get_campaign(
    request: HttpRequest, slug: Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
) -> CampaignOut:
    """A campaign with its key counts as of the start of the day.

    `redeemed` counts keys handed to a carrier for an eligible maintainer and not returned. `claimed` and
    `redeemed` count whole groups of people, so that no single claim shows.
    """
    return serialize_campaign(campaign_by_slug(slug), now=clock.now())
