"""Preview the effect of a policy on the whole roster."""

from collections.abc import Callable, Iterator
from datetime import datetime

from fulfillment.claims.errors import ClaimsError
from fulfillment.claims.models import Campaign
from fulfillment.claims.roster_facts import facts_of_roster
from roster.models import Account, PolicyPreview
from roster.rules import Facts, PolicyDocument, parse_policy
from roster.rules.preview import Preview, preview_policies
from roster.selectors import policy_in_force
from roster.services.policies import policy_of, record_preview


class EmptyRoster(ClaimsError):
    """The roster is empty, so a policy cannot be previewed."""

    code = "empty_roster"

    def __init__(self) -> None:
        super().__init__("The roster is empty.")


class NoPolicyYet(ClaimsError):
    """There is no policy to compare with: no campaign, and no policy in force."""

    code = "no_policy"

    def __init__(self) -> None:
        super().__init__("No policy is in force to compare with. Name one with --current.")


def preview_over_the_roster(
    *,
    proposed: PolicyDocument,
    campaign: Campaign | None,
    now: datetime,
    current: PolicyDocument | None = None,
    seen: Callable[[], None] = lambda: None,
) -> Preview:
    """Decide every account under the current and the proposed policy. Stores nothing.

    Args:   current: by default the campaign's policy, else the one in force.
            seen: called after each account, to show progress.
    Raises: EmptyRoster, NoPolicyYet.
    """
    if not Account.objects.exists():
        raise EmptyRoster
    if current is None:
        policy = campaign.policy if campaign else policy_in_force(now=now)
        if policy is None:
            raise NoPolicyYet
        current = parse_policy(policy.document)
    everyone = facts_of_roster(campaign=campaign, now=now)
    return preview_policies(_counting(everyone, seen), current=current, proposed=proposed, now=now)


def _counting(everyone: Iterator[Facts], seen: Callable[[], None]) -> Iterator[Facts]:
    for facts in everyone:
        yield facts
        seen()


def preview_draft(
    *, version: str, campaign: Campaign | None, actor: str, now: datetime
) -> tuple[Preview, PolicyPreview]:
    """Preview a draft policy and record the preview; from then on the draft can be published.

    Raises: UnknownPolicy, EmptyRoster, NoPolicyYet.
    """
    proposed = parse_policy(policy_of(version).document)
    found = preview_over_the_roster(proposed=proposed, campaign=campaign, now=now)
    kept = record_preview(
        version=version, counts=found.counts, compared_with=found.current, actor=actor, now=now
    )
    return found, kept
