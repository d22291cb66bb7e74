"""Whether a maintainer may claim, and what would change that."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api.maintainers.serializers import decision_document
from api.responses import CampaignQuery, CountryQuery, Username, answers, needs
from api.schemas import DecisionOut
from common import clock
from fulfillment.claims.errors import UnknownMaintainer
from roster.models import Account

router = Router(tags=["maintainers"])


@router.get(
    "/{username}/eligibility",
    response=answers(DecisionOut),
    summary="Whether a maintainer may claim",
    **needs("claims:read"),
)
def get_eligibility(
    request: HttpRequest, username: Username, country: CountryQuery, campaign: CampaignQuery
) -> dict[str, Any]:
    """A verdict for every rule, each with its reason, evidence and remedy. Nothing is stored."""
    account = Account.objects.named(username).first()
    if account is None:
        raise UnknownMaintainer(username)
    return decision_document(account, campaign=campaign, country=country, now=clock.now())
