"""What a campaign is and how many keys are left: public."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router

from api.documents import campaign_document
from api.responses import answers, for_anyone
from api.schemas import CampaignOut
from common import clock
from fulfillment.claims.selectors import campaign_by_slug

router = Router(tags=["campaigns"])


@router.get("/{slug}", response=answers(CampaignOut), summary="A campaign and its keys", **for_anyone())
def get_campaign(
    request: HttpRequest, slug: Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
) -> dict[str, Any]:
    """`redeemed`: the carrier has the keys for an eligible maintainer and they have not come back.

    Numbers are of the start of the day; those claimed and redeemed are of whole groups of people, so that
    none moves with a single claim.
    """
    return campaign_document(campaign_by_slug(slug), now=clock.now())
