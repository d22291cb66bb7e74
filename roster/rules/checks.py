"""The rules, one function each: from facts and parameters to an answer.

A fact that is not known is `missing`, never a pass; only `account_joined_before` lets an unknown date pass.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from string import Formatter
from typing import Any

from roster.rules.countries import COUNTRIES
from roster.rules.facts import ROLES, CampaignFact, Facts, RoleFact, in_json
from roster.rules.json_parser import (
    AS_IN_ISO_3166,
    Parser,
    one_of,
    policy_moment,
    positive_count,
    positive_number,
    read_count,
    set_of,
)
from roster.rules.messages import (
    FACTS,
    NO_REASON,
    NOT_KNOWN,
    OTHERS,
    TEXTS,
    TWO_FACTOR,
    Countries,
    Country,
    Listing,
    Phrase,
    RuleMessage,
)

TWO_FACTOR_STATES = ("none", "totp", "webauthn")
# Allowed clock difference to the roster's machine.
CLOCK_SKEW = timedelta(minutes=5)
# All other cases fail, so that a new one cannot pass by oversight.
PASSING_CASES = ("pass", "unknown", "delegated")


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """Whether a rule is met, the sentences for the person, and the facts it rests on."""

    passed: bool
    message: RuleMessage
    evidence: dict[str, object]


Params = Mapping[str, Any]
Check = Callable[[Facts, Params, datetime], RuleAnswer]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that policies can use, with its parameters."""

    name: str
    check: Check
    # The only facts it reads: the same ones give the same answer.
    reads: tuple[str, ...]
    params: Mapping[str, Parser] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    # Parameters that mean something only together.
    together: tuple[str, ...] = ()


def _answer(rule: str, case: str, evidence: Mapping[str, object], **values: object) -> RuleAnswer:
    """Build the answer with the sentences of a case, filled from the evidence and other values."""
    shown = {**evidence, **values}
    text = TEXTS[rule][case]
    message = RuleMessage(_phrase(text.reason, shown), _phrase(text.remedy, shown))
    return RuleAnswer(case in PASSING_CASES, message, in_json(evidence))


def _phrase(sentence: str, shown: Mapping[str, object]) -> Phrase:
    """A sentence with the values it uses."""
    named = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    return Phrase(sentence, {name: shown[name] for name in sorted(named)})


def _missing(*names: str, **values: object) -> RuleAnswer:
    """The answer when facts are missing."""
    facts = Listing(tuple(_phrase(FACTS[name].reason, values) for name in names), "and")
    message = RuleMessage(Phrase(NOT_KNOWN.reason, {"fact": facts}), Phrase(FACTS[names[0]].remedy))
    return RuleAnswer(False, message, {"missing": list(names)})


def stock_available(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.keys_available is None:
        return _missing("keys_available")
    case = "pass" if facts.keys_available > 0 else "out_of_stock"
    return _answer("stock_available", case, {"keys_available": facts.keys_available})


def on_critical_roster(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.roles is None:
        return _missing("roles")
    wanted = params.get("roles", ROLES)
    counting = [role for role in facts.roles if role.role in wanted]
    critical = _critical(counting)
    if not critical and any(role.critical is None for role in counting):
        return _missing("critical")
    evidence = {"roles": wanted, "projects": [_evidence(role) for role in critical]}
    if not critical:
        return _answer("on_critical_roster", "no_critical_role", evidence, roles=Listing(tuple(wanted)))
    others = Phrase(OTHERS, {"number": len(critical) - 1}) if len(critical) > 1 else ""
    return _answer(
        "on_critical_roster",
        "delegated" if critical[0].delegated_by else "pass",
        evidence,
        role=critical[0].role,
        project=critical[0].project,
        delegated_by=critical[0].delegated_by,
        others=others,
    )


def _critical(roles: Iterable[RoleFact]) -> list[RoleFact]:
    """The roles on critical projects, oldest first."""
    critical = [role for role in roles if role.critical]
    return sorted(critical, key=lambda role: (role.designated_on or date.max, json.dumps(in_json(role))))


def _evidence(role: RoleFact) -> dict[str, object]:
    """Why this project counts: the role, since when, and how the project came to be critical."""
    document: dict[str, object] = in_json(role)
    document.pop("critical", None)
    return {"since": None, **document}


def check_two_factor(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    missing = [name for name in ("has_totp", "has_webauthn") if getattr(facts, name) is None]
    if missing:
        return _missing(*missing)
    state = "webauthn" if facts.has_webauthn else "totp" if facts.has_totp else "none"
    allowed = params["allow"]
    evidence = {"state": state, "allow": allowed}
    if state in allowed:
        return _answer("two_factor", "pass", evidence, state=Phrase(TWO_FACTOR[state]))
    return _answer(
        "two_factor",
        f"has_{state}",
        evidence,
        allowed=Listing(tuple(Phrase(TWO_FACTOR[name]) for name in sorted(allowed))),
    )


def one_claim(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.live_claims is None:
        return _missing("live_claims")
    return _answer(
        "one_claim", "claimed" if facts.live_claims else "pass", {"live_claims": facts.live_claims}
    )


def check_region(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.country is None:
        return _missing("country")
    country = Country(facts.country)
    if "allow" in params:
        case = "pass" if facts.country in params["allow"] else "not_listed"
        evidence = {"country": facts.country, "allow": params["allow"]}
        return _answer(
            "region", case, evidence, country=country, allowed=Countries(tuple(sorted(params["allow"])))
        )
    if facts.region is None:
        return _missing("region", country=country)
    row = facts.region
    evidence = {"country": facts.country, "status": row.status, "reason": row.reason, "source": row.source}
    case = "pass" if row.status == "open" else row.status
    return _answer(
        "region", case, evidence, country=country, why=Phrase(_as_sentence(row.reason or NO_REASON))
    )


def _as_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def account_joined_before(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    evidence = {"joined_at": facts.joined_at, "before": params["before"]}
    if facts.joined_at is None:
        return _answer("account_joined_before", "unknown", evidence)
    # Joining at exactly this moment still passes, as in 2022.
    case = "pass" if facts.joined_at <= params["before"] else "too_late"
    return _answer("account_joined_before", case, evidence, joined_on=facts.joined_at.date())


def campaign_open(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    campaign = facts.campaign or CampaignFact()
    opens_at: datetime | None = params.get("opens_at", campaign.opens_at)
    closes_at: datetime | None = params.get("closes_at", campaign.closes_at)
    evidence = {"opens_at": opens_at, "closes_at": closes_at}
    if opens_at is None or closes_at is None:
        return _missing(*(name for name, moment in evidence.items() if moment is None))
    case = "too_early" if now < opens_at else "too_late" if now >= closes_at else "pass"
    return _answer("campaign_open", case, evidence)


def roster_fresh(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.roster_taken_at is None:
        return _missing("roster_taken_at")
    age = now - facts.roster_taken_at
    too_old = age.total_seconds() > params["max_age_hours"] * 3600
    case = "from_the_future" if age < -CLOCK_SKEW else "too_old" if too_old else "pass"
    evidence = {"roster_taken_at": facts.roster_taken_at, "max_age_hours": params["max_age_hours"]}
    return _answer("roster_fresh", case, evidence)


def wave_invited(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.invited_in_wave is None:
        return _missing("invited_in_wave")
    evidence = {"invited_in_wave": facts.invited_in_wave}
    return _answer("wave_invited", "pass" if facts.invited_in_wave else "not_yet", evidence)


def not_opted_out(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.opted_out is None:
        return _missing("opted_out")
    return _answer(
        "not_opted_out", "opted_out" if facts.opted_out else "pass", {"opted_out": facts.opted_out}
    )


def role_age(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    """The oldest role on a critical project counts."""
    if facts.roles is None:
        return _missing("roles")
    critical = _critical(facts.roles)
    dated = [(role.since, role) for role in critical if role.since is not None]
    evidence = {"projects": [_evidence(role) for role in critical], "min_days": params["min_days"]}
    since, role = min(dated, key=lambda pair: pair[0], default=(None, None))
    if since and role and (now.date() - since).days >= params["min_days"]:
        return _answer("role_age", "pass", evidence, role=role.role, project=role.project, since=since)
    if any(role.critical is None for role in facts.roles):
        return _missing("critical")
    if len(dated) < len(critical):
        return _missing("since")
    if role is None:
        return _answer("role_age", "no_critical_role", evidence)
    return _answer("role_age", "too_new", evidence, project=role.project, since=since)


def project_not_recreated(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    """One critical project that was not recently recreated is enough."""
    if facts.roles is None:
        return _missing("roles")
    critical = _critical(facts.roles)
    settled = [role for role in critical if _is_settled(role, now, params["min_days"])]
    evidence = {"projects": [_evidence(role) for role in critical], "min_days": params["min_days"]}
    if settled:
        return _answer("project_not_recreated", "pass", evidence, project=settled[0].project)
    if any(role.critical is None for role in facts.roles):
        return _missing("critical")
    if not critical:
        return _answer("project_not_recreated", "no_critical_role", evidence)
    dated = [role for role in critical if role.recreated_on is not None]
    if len(dated) < len(critical):
        return _missing("recreated")
    last = max(dated, key=lambda role: role.recreated_on or now.date())
    return _answer(
        "project_not_recreated", "too_new", evidence, project=last.project, recreated_on=last.recreated_on
    )


def _is_settled(role: RoleFact, now: datetime, min_days: int) -> bool:
    if role.recreated_on is not None:
        return (now.date() - role.recreated_on).days >= min_days
    return role.recreated is False


def email_age(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.email_changed_at is None:
        return _missing("email_changed_at")
    case = "pass" if (now - facts.email_changed_at).days >= params["min_days"] else "too_new"
    evidence = {"email_changed_at": facts.email_changed_at, "min_days": params["min_days"]}
    return _answer("email_age", case, evidence)


def address_not_shared(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.address_claims is None:
        return _missing("address_claims")
    # The claim being decided is one of those at the address.
    case = "pass" if facts.address_claims < params["max_claims"] else "shared"
    evidence = {"address_claims": facts.address_claims, "max_claims": params["max_claims"]}
    return _answer("address_not_shared", case, evidence)


def not_organization_account(facts: Facts, params: Params, now: datetime) -> RuleAnswer:
    if facts.is_organization is None:
        return _missing("is_organization")
    case = "organization" if facts.is_organization else "pass"
    return _answer("not_organization_account", case, {"is_organization": facts.is_organization})


_ALL = (
    Rule("stock_available", stock_available, ("keys_available",)),
    Rule("on_critical_roster", on_critical_roster, ("roles",), {"roles": set_of(one_of(ROLES, "role"))}),
    Rule(
        "two_factor",
        check_two_factor,
        ("has_totp", "has_webauthn"),
        {"allow": set_of(one_of(TWO_FACTOR_STATES, "two-factor state"))},
        required=("allow",),
    ),
    Rule("one_claim", one_claim, ("live_claims",)),
    Rule(
        "region",
        check_region,
        ("country", "region"),
        {"allow": set_of(one_of(COUNTRIES, "country", AS_IN_ISO_3166))},
    ),
    Rule(
        "account_joined_before",
        account_joined_before,
        ("joined_at",),
        {"before": policy_moment},
        required=("before",),
    ),
    Rule(
        "campaign_open",
        campaign_open,
        ("campaign",),
        {"opens_at": policy_moment, "closes_at": policy_moment},
        together=("opens_at", "closes_at"),
    ),
    Rule(
        "roster_fresh",
        roster_fresh,
        ("roster_taken_at",),
        {"max_age_hours": positive_number},
        required=("max_age_hours",),
    ),
    Rule("wave_invited", wave_invited, ("invited_in_wave",)),
    Rule("not_opted_out", not_opted_out, ("opted_out",)),
    Rule("role_age", role_age, ("roles",), {"min_days": read_count}, required=("min_days",)),
    Rule(
        "project_not_recreated",
        project_not_recreated,
        ("roles",),
        {"min_days": read_count},
        required=("min_days",),
    ),
    Rule("email_age", email_age, ("email_changed_at",), {"min_days": read_count}, required=("min_days",)),
    Rule(
        "address_not_shared",
        address_not_shared,
        ("address_claims",),
        {"max_claims": positive_count},
        required=("max_claims",),
    ),
    Rule("not_organization_account", not_organization_account, ("is_organization",)),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}
# Rules that exceptions cannot lift: stock, one claim each, and the region.
NEVER_LIFTED = frozenset({"stock_available", "one_claim", "region"})
