"""What the claims room can refuse."""

from common.errors import KeydeskError
from fulfillment.claims.money import format_money
from fulfillment.claims.rules.quotes import Quote
from roster.rules.decision import Decision


class ClaimsError(KeydeskError):
    code = "claims"


class UnknownCampaign(ClaimsError):
    code = "unknown_campaign"

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no campaign {slug!r}.")


class UnknownMaintainer(ClaimsError):
    code = "unknown_maintainer"

    def __init__(self, username: str) -> None:
        super().__init__(f"There is no account {username!r} on the roster.")


class UnknownClaim(ClaimsError):
    code = "unknown_claim"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no claim {code!r}.")


class Ineligible(ClaimsError):
    """The decision says no; it is stored and goes with the error."""

    code = "ineligible"

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        headline = next(verdict for verdict in decision.verdicts if verdict.rule == decision.headline)
        super().__init__(headline.reason)


class AlreadyClaimed(ClaimsError):
    code = "already_claimed"

    def __init__(self, claim_code: str) -> None:
        self.claim_code = claim_code
        super().__init__(f"There is a claim already: {claim_code}. Change or cancel that one.")


class TooLate(ClaimsError):
    """The label is being bought, or the claim is past changing."""

    code = "too_late"

    def __init__(self, claim_code: str) -> None:
        super().__init__(
            f"Claim {claim_code} can no longer be changed: its label is bought, or it is closed."
        )


class NothingToReplace(ClaimsError):
    """None of these keys can be replaced for this claim: not its keys, or replaced before."""

    code = "nothing_to_replace"

    def __init__(self, claim_code: str) -> None:
        super().__init__(
            f"Nothing of claim {claim_code} is left to replace: the keys are not its own, or were replaced "
            "before. Look at its replacements."
        )


class NotInReview(ClaimsError):
    code = "not_in_review"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"Claim {claim_code} is not waiting for a review.")


class PriceChanged(ClaimsError):
    """What the person agreed to pay is not what it costs now; carries the new quote."""

    code = "price_changed"

    def __init__(self, quote: Quote) -> None:
        self.quote = quote
        costs = "nothing" if quote.is_free else format_money(quote.total, quote.currency)
        super().__init__(f"The price has changed: this claim costs {costs} now. Look it over and confirm it.")


class NoOffer(ClaimsError):
    """There was no offer of keys, or it is over."""

    code = "no_offer"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"No keys are held for claim {claim_code} to take: they went to the next in line.")


class NotSent(ClaimsError):
    code = "not_sent"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"Claim {claim_code} has no parcel under way.")


class UnknownWave(ClaimsError):
    """No wave that waits to be sent."""

    code = "unknown_wave"

    def __init__(self) -> None:
        super().__init__("There is no such wave, or it has begun already.")
