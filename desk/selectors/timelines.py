"""Everything on record about one claim or one maintainer, without the address."""

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.notices.models import Notice
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.rules.states import LIVE_REFUND_STATES, CheckoutOutcome, PaymentState
from fulfillment.shipments.models import Shipment
from fulfillment.vault.models import Opening
from roster.models import (
    Account,
    AccountEvent,
    Appeal,
    Decision,
    Delegation,
    PolicyException,
    ProjectRole,
    TwoFactorObservation,
)

# Limit of a page; no one has more in practice.
AT_MOST = 200


@dataclass(frozen=True)
class ClaimHistory:
    """A claim with its decision, events, parcels and address openings."""

    claim: Claim
    events: Sequence[ClaimEvent]
    parcels: Sequence[Shipment]
    cases: Sequence[Case]
    notices: Sequence[Notice]
    openings: Sequence[Opening]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    payment_cases: Sequence[Case]

    @property
    def paid(self) -> Payment | None:
        """The payment for which the claim was fulfilled."""
        served = (one for one in self.payments if one.state == PaymentState.PAID)
        return next((one for one in served if one.fulfilment.outcome != CheckoutOutcome.GIVEN_BACK), None)

    @property
    def left(self) -> int:
        """The amount not refunded and without a requested refund."""
        if self.paid is None:
            return 0
        mine = [one for one in self.refunds if one.payment_id == self.paid.pk]
        return (self.paid.received or 0) - sum(one.amount for one in mine if one.state in LIVE_REFUND_STATES)

    @property
    def verdicts(self) -> Sequence[dict[str, object]]:
        """All verdicts, failed ones first."""
        verdicts: list[dict[str, object]] = self.claim.decision.verdicts
        return sorted(verdicts, key=lambda verdict: verdict["outcome"] == "pass")


def claim_history(code: str) -> ClaimHistory | None:
    """The timeline of a claim in a fixed number of queries; None if no claim has this code."""
    claims = Claim.objects.select_related("account", "campaign", "decision__policy")
    claim = claims.filter(code=code).prefetch_related("items__key_model").first()
    if claim is None:
        return None
    parcels = Shipment.objects.filter(claim=claim).prefetch_related("units__key_model", "purchases")
    return ClaimHistory(
        claim=claim,
        events=list(claim.events.order_by("id")[:AT_MOST]),
        parcels=list(parcels.order_by("id")[:AT_MOST]),
        cases=list(Case.objects.filter(shipment__claim=claim).select_related("shipment").order_by("-id")),
        notices=list(Notice.objects.filter(claim_code=code).order_by("-id")[:AT_MOST]),
        openings=list(Opening.objects.filter(subject=code).order_by("-id")[:AT_MOST]),
        payments=list(Payment.objects.filter(claim=claim).select_related("fulfilment").order_by("attempt")),
        refunds=list(Refund.objects.filter(payment__claim=claim).order_by("id")),
        payment_cases=list(Case.objects.filter(payment__claim=claim).order_by("-id")),
    )


@dataclass(frozen=True)
class PersonHistory:
    """A maintainer: roster data, decisions, claims and messages."""

    account: Account
    roles: Sequence[ProjectRole]
    two_factor: Sequence[TwoFactorObservation]
    decisions: Sequence[Decision]
    claims: Sequence[Claim]
    notices: Sequence[Notice]
    openings: Sequence[Opening]
    exceptions: Sequence[PolicyException]
    appeals: Sequence[Appeal]
    delegations: Sequence[Delegation]
    events: Sequence[AccountEvent]


def person_history(username: str) -> PersonHistory | None:
    """The history of a maintainer in a fixed number of queries; None if no account has this name."""
    account = Account.objects.named(username).first()
    if account is None:
        return None
    roles = ProjectRole.objects.filter(account=account).select_related("project")
    observations = TwoFactorObservation.objects.filter(account=account)
    decisions = Decision.objects.filter(account=account).select_related("policy")
    claims = list(Claim.objects.of(account.pk).select_related("campaign").order_by("-id")[:AT_MOST])
    openings = Opening.objects.filter(subject__in=[claim.code for claim in claims])
    return PersonHistory(
        account=account,
        roles=list(roles.order_by("ended_on", "project__normalized_name")[:AT_MOST]),
        two_factor=list(observations.order_by("-observed_at", "-id")[:AT_MOST]),
        decisions=list(decisions.order_by("-decided_at", "-id")[:AT_MOST]),
        claims=claims,
        notices=list(Notice.objects.filter(account=account).order_by("-id")[:AT_MOST]),
        openings=list(openings.order_by("-id")[:AT_MOST]),
        exceptions=list(PolicyException.objects.filter(account=account).order_by("-id")[:AT_MOST]),
        appeals=list(Appeal.objects.filter(account=account).order_by("-id")[:AT_MOST]),
        delegations=list(
            Delegation.objects.filter(account=account)
            .select_related("project", "delegated_by")
            .order_by("-id")[:AT_MOST]
        ),
        events=list(AccountEvent.objects.filter(account=account).order_by("-id")[:AT_MOST]),
    )
