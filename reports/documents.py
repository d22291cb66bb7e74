"""The reports as JSON documents: the exact redemption report, and the published one.

Amounts are in minor units of the currency beside them, shares in thousandths, durations in whole seconds,
moments RFC 3339 in UTC, days ISO 8601. In the published report None is "too few to show".
"""

from typing import Literal, TypedDict

KeyStep = Literal["claimed", "shipped", "delivered", "redeemed"]
PersonStep = Literal["claimed", "shipped", "delivered", "back", "enrolled"]
Dimension = Literal["country", "key_models", "policy", "wave"]
# How critical projects are counted: by the kind of protection, and when the campaign opened or now.
PROTECTIONS: tuple[Literal["two_factor", "webauthn"], ...] = ("two_factor", "webauthn")
BEFORE_AND_NOW: tuple[Literal["before", "now"], ...] = ("before", "now")


class KeysAtStep(TypedDict):
    """Keys at each step."""

    claimed: int
    shipped: int
    delivered: int
    redeemed: int


class KeyTotals(KeysAtStep):
    """Keys received, at each step, and still to be claimed."""

    total: int
    available: int


class WeekRow(KeysAtStep):
    """The change within an ISO week, and the totals at its end."""

    week: str
    starts_on: str
    standing: KeysAtStep


class GroupCounts(KeysAtStep):
    """Keys of a group, and the maintainers whose keys are in `claimed`."""

    people: int


class CountryRow(GroupCounts):
    country: str


class WaveRow(GroupCounts):
    wave: str


class PolicyRow(GroupCounts):
    policy: str


class KeyModelRow(KeyTotals):
    sku: str


class Spread(TypedDict):
    """Durations: how many, the median, the 90th percentile; `impossible` ones end before they start."""

    count: int
    median_s: int | None
    p90_s: int | None
    impossible: int


class FunnelStep(TypedDict):
    """`share_permille` is of the people at the last step before that has a number."""

    step: str
    people: int | None
    share_permille: int | None


class Funnel(TypedDict):
    steps: list[FunnelStep]
    times: dict[str, Spread]


class ClaimCounts(TypedDict):
    total: int
    people: int
    by_state: dict[str, int]


class RefusalCounts(TypedDict):
    total: int
    people: int
    by_rule: dict[str, int]


class Shares(TypedDict):
    """Projects of whose maintainers none, some or all are protected."""

    none: int
    some: int
    all: int


class Protection(TypedDict):
    two_factor: Shares
    webauthn: Shares


class ProjectCounts(TypedDict):
    critical: int
    without_maintainers: int
    before: Protection
    now: Protection


class Flow(TypedDict):
    """Accounts that came from one two-factor state to another."""

    before: str
    now: str
    accounts: int


class TwoFactorCounts(TypedDict):
    accounts: dict[str, int]
    enrolled: int
    flows: list[Flow]
    flows_of_claimants: list[Flow]


class WaitlistCounts(TypedDict):
    joined: int
    waiting: int
    promoted: int
    left: int
    wait: Spread


class ExceptionRow(TypedDict):
    rule: str
    asked: int
    granted: int
    ended: int
    in_force: int
    appeals: int
    appeals_granted: int
    appeals_declined: int


class CaseCounts(TypedDict):
    opened: int
    open: int
    overdue: int
    closed: int
    closed_in_time: int


class CaseReasonRow(CaseCounts):
    reason: str
    to_close: Spread


class CaseReport(CaseCounts):
    by_reason: list[CaseReasonRow]
    by_outcome: dict[str, int]


class CarrierRow(TypedDict):
    carrier: str
    shipped: int
    delivered: int
    at_first_attempt: int
    lost: int
    back: int
    to_the_door: Spread


class PerUnit(TypedDict):
    """The amount divided, rounded half up; None while there is nothing to divide by."""

    currency: str
    cents_per_delivered_pair: int | None
    cents_per_enrolled: int | None


class ParcelCosts(PerUnit):
    labels: int
    postage_cents: int
    insurance_cents: int
    duties_cents: int
    adjustments_cents: int
    strays_cents: int
    refunds_cents: int
    compensation_cents: int
    net_cents: int


class PaymentSums(TypedDict):
    """Refunds and disputes are positive when money went out."""

    gross_cents: int
    fee_cents: int
    refunds_cents: int
    disputes_cents: int
    net_cents: int


class PaymentRow(PaymentSums):
    currency: str


class ProgrammeCosts(PerUnit):
    sending_cents: int
    received_cents: int
    cost_cents: int


class Costs(TypedDict):
    programme: list[ProgrammeCosts]
    sending: list[ParcelCosts]
    payments: list[PaymentRow]


class StockCounts(TypedDict):
    accounts: dict[str, int]
    by_key_model: dict[str, dict[str, int]]
    total_received: int
    adds_up: bool


class Forecast(TypedDict):
    """Days until no key can be claimed; None: not within a hundred years, or not known yet."""

    available: int
    window_days: int
    method: str
    per_day_milli: int | None
    days: int | None
    earliest_days: int | None
    latest_days: int | None


class Risk(TypedDict):
    risk: str
    count: int
    meaning: str


class RedemptionReport(TypedDict):
    """The exact report. `campaign` is None for all campaigns together."""

    campaign: str | None
    as_of: str
    keys: KeyTotals
    funnel: Funnel
    claims: ClaimCounts
    by_week: list[WeekRow]
    by_country: list[CountryRow]
    by_key_model: list[KeyModelRow]
    by_wave: list[WaveRow]
    by_policy: list[PolicyRow]
    projects: ProjectCounts
    two_factor: TwoFactorCounts
    refusals: RefusalCounts
    waitlist: WaitlistCounts
    exceptions: list[ExceptionRow]
    cases: CaseReport
    carriers: list[CarrierRow]
    costs: Costs
    stock: StockCounts
    forecast: Forecast
    risks: list[Risk]


class PublishedPeople(TypedDict):
    """People at each step, in whole groups."""

    claimed: int | None
    shipped: int | None
    delivered: int | None
    back: int | None
    enrolled: int | None
    redeemed: int | None


class PublishedCounts(PublishedPeople):
    """The same, with the keys of the people counted."""

    keys_claimed: int | None
    keys_redeemed: int | None


class ReleaseRow(PublishedCounts):
    release: str


class PublishedCountry(PublishedCounts):
    country: str


class PublishedKeyModels(PublishedCounts):
    key_models: str


class PublishedPolicy(PublishedCounts):
    policy: str


class PublishedWave(PublishedCounts):
    wave: str


class PublishedKeys(TypedDict):
    total: int
    claimed: int | None
    redeemed: int | None
    available: int


class PublishedShares(TypedDict):
    """Projects of which any maintainer is protected, and of these those of which all are."""

    any: int | None
    all: int | None


class PublishedProtection(TypedDict):
    two_factor: PublishedShares
    webauthn: PublishedShares


class PublishedProjects(TypedDict):
    critical: int
    before: PublishedProtection
    now: PublishedProtection


class PublishedPostage(TypedDict):
    currency: str
    people: int
    cents: int
    cents_per_person: int | None


class PublishedCosts(TypedDict):
    postage: list[PublishedPostage]


class PublishedReport(TypedDict):
    """The report that everybody may read."""

    campaign: str
    as_of: str
    cuts_as_of: str
    smallest_group: int
    method: str
    keys: PublishedKeys
    people: PublishedPeople
    by_week: list[ReleaseRow]
    by_country: list[PublishedCountry]
    by_key_models: list[PublishedKeyModels]
    by_policy: list[PublishedPolicy]
    by_wave: list[PublishedWave]
    two_factor: dict[str, int | None]
    projects: PublishedProjects
    refusals: dict[str, int | None]
    costs: PublishedCosts
