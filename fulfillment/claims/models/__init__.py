"""Tables of claims and campaigns."""

from fulfillment.claims.models.admissions import Admission
from fulfillment.claims.models.campaigns import Campaign, PolicyAdoption
from fulfillment.claims.models.claim_events import ClaimEvent
from fulfillment.claims.models.claim_quotes import ClaimQuote
from fulfillment.claims.models.claims import Claim, ClaimItem, ClaimQuerySet, ReplacedUnit
from fulfillment.claims.models.drafts import Draft
from fulfillment.claims.models.price_lists import PriceList
from fulfillment.claims.models.regions import Region
from fulfillment.claims.models.waves import Invitation, Wave

__all__ = [
    "Admission",
    "Campaign",
    "Claim",
    "ClaimEvent",
    "ClaimItem",
    "ClaimQuerySet",
    "ClaimQuote",
    "Draft",
    "Invitation",
    "PolicyAdoption",
    "PriceList",
    "Region",
    "ReplacedUnit",
    "Wave",
]
