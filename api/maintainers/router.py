"""Eligibility of maintainers."""

from django.http import HttpRequest
from ninja import Router

from api.maintainers.serializers import serialize_decision
from api.responses import CampaignQuery, CountryQuery, Username, answers, needs
from api.schemas import DecisionOut
from common import clock
from fulfillment.claims.errors import UnknownMaintainer
from roster.models import Account

router = Router(tags=["maintainers"])


@router.get(
    "/{username}/eligibility",
    response=answers(DecisionOut),
    summary="Eligibility of a maintainer",
    **needs("claims:read"),
)
def get_eligibility(
    request: HttpRequest, username: Username, country: CountryQuery, campaign: CampaignQuery
) -> DecisionOut:
    """The verdict of every rule, with reason, evidence and remedy. Nothing is stored."""
    account = Account.objects.named(username).first()
    if account is None:
        raise UnknownMaintainer(username)
    return serialize_decision(account, campaign=campaign, country=country, now=clock.now())
