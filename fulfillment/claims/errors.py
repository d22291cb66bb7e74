"""Errors of claims."""

from common.errors import KeydeskError
from fulfillment.claims.money import format_money
from fulfillment.claims.rules.quotes import Quote
from roster.rules.decision import Decision


class ClaimsError(KeydeskError):
    code = "claims"


class UnknownCampaign(ClaimsError):
    code = "unknown_campaign"

    def __init__(self, slug: str) -> None:
        super().__init__(f"Campaign {slug!r} does not exist." if slug else "There is no campaign yet.")


class UnknownMaintainer(ClaimsError):
    code = "unknown_maintainer"

    def __init__(self, username: str) -> None:
        super().__init__(f"Account {username!r} is not on the roster.")


class UnknownClaim(ClaimsError):
    code = "unknown_claim"

    def __init__(self, code: str) -> None:
        super().__init__(f"Claim {code!r} does not exist.")


class Ineligible(ClaimsError):
    """The maintainer may not claim; carries the decision, which is stored."""

    code = "ineligible"

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        headline = next(verdict for verdict in decision.verdicts if verdict.rule == decision.headline)
        super().__init__(headline.reason)


class AlreadyClaimed(ClaimsError):
    code = "already_claimed"

    def __init__(self, claim_code: str) -> None:
        self.claim_code = claim_code
        super().__init__(f"There is already a claim: {claim_code}. Change or cancel it.")


class TooLate(ClaimsError):
    """The claim can no longer be changed: its label is being bought, or it is closed."""

    code = "too_late"

    def __init__(self, claim_code: str) -> None:
        super().__init__(
            f"Claim {claim_code} can no longer be changed: its label has been bought, or it is closed."
        )


class NothingToReplace(ClaimsError):
    """None of these keys can be replaced: they are not the claim's, or were already replaced."""

    code = "nothing_to_replace"

    def __init__(self, claim_code: str) -> None:
        super().__init__(
            f"Claim {claim_code} has no keys left to replace: they belong to another claim, or were already "
            "replaced. See its replacements."
        )


class NotInReview(ClaimsError):
    code = "not_in_review"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"Claim {claim_code} is not in review.")


class PriceChanged(ClaimsError):
    """The price is not the one that the person agreed to; carries the new quote."""

    code = "price_changed"

    def __init__(self, quote: Quote) -> None:
        self.quote = quote
        costs = "nothing" if quote.is_free else format_money(quote.total, quote.currency)
        super().__init__(f"The price has changed: this claim now costs {costs}. Check it and confirm.")


class NoOffer(ClaimsError):
    """The claim has no offer of keys, or the offer has expired."""

    code = "no_offer"

    def __init__(self, claim_code: str) -> None:
        super().__init__(
            f"No keys are held for claim {claim_code}: they went to the next person on the waitlist."
        )


class NotSent(ClaimsError):
    code = "not_sent"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"Claim {claim_code} has no parcel on its way.")


class UnknownWave(ClaimsError):
    """There is no wave with this id or name, or it has started."""

    code = "unknown_wave"

    def __init__(self) -> None:
        super().__init__("The wave does not exist, or has already started.")
