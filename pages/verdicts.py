"""Verdicts and policies as text for pages: the title and the requirement of each rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as text
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from fulfillment.claims.countries import localized_country_name
from roster.localization import localized_reason, remedy_of, why_critical
from roster.rules import Decision, PolicyDocument, PolicyRule, Verdict
from roster.rules.checks import Params

# The title of each rule; its verdict has the details.
TITLES = {
    "campaign_open": _("Programme dates"),
    "on_critical_roster": _("Critical project"),
    "two_factor": _("Two-factor authentication"),
    "one_claim": _("One claim each"),
    "region": _("Country"),
    "not_opted_out": _("Participation"),
    "roster_fresh": _("Up-to-date roster"),
    "not_organization_account": _("Personal account"),
    "stock_available": _("Keys in stock"),
    "account_joined_before": _("Date of joining"),
    "wave_invited": _("Invitation"),
    "role_age": _("Time in your role"),
    "project_not_recreated": _("Project not recreated"),
    "email_age": _("Email address"),
    "address_not_shared": _("Postal address"),
}
_STATES = {
    "none": _("no two-factor authentication"),
    "totp": _("an authenticator app"),
    "webauthn": _("a security key or passkey"),
}


@dataclass(frozen=True)
class ShownVerdict:
    """A verdict for display. `projects` is the evidence of the rule `on_critical_roster`."""

    title: str | Promise
    outcome: str
    reason: str
    remedy: str
    projects: list[dict[str, Any]]


def title_of(rule: str) -> str | Promise:
    return TITLES.get(rule, rule.replace("_", " ").capitalize())


def verdict_card(verdict: Verdict) -> ShownVerdict:
    return ShownVerdict(
        title=title_of(verdict.rule),
        outcome=verdict.outcome,
        reason=localized_reason(verdict),
        remedy=remedy_of(verdict) if verdict.outcome != "pass" else "",
        projects=[_project_shown(project) for project in verdict.evidence.get("projects", [])],
    )


def _project_shown(project: Mapping[str, Any]) -> dict[str, Any]:
    """A project of the evidence, with parsed dates and a translated reason."""
    days = {
        name: date.fromisoformat(str(day)[:10]) if (day := project.get(name)) else None
        for name in ("since", "designated_on")
    }
    return {**project, **days, "reason": why_critical(project.get("reason") or "")}


def before_country(decision: Decision) -> list[Verdict]:
    """The verdicts without the country rule if no country was given yet: the next form asks for it."""
    return [verdict for verdict in decision.verdicts if not _waits_for_country(verdict)]


def refusals_first(verdicts: list[Verdict]) -> list[Verdict]:
    """Verdicts in the policy's order, refusals first, then reviews."""
    return sorted(verdicts, key=lambda verdict: ("fail", "review", "pass").index(verdict.outcome))


def _waits_for_country(verdict: Verdict) -> bool:
    return verdict.rule == "region" and "country" in verdict.evidence.get("missing", ())


@dataclass(frozen=True)
class ShownRule:
    """A rule of the policy for the page on eligibility."""

    title: str | Promise
    sentence: str
    is_reviewed: bool


def rules_in_words(policy: PolicyDocument) -> list[ShownRule]:
    """The rules of the policy as sentences."""
    return [
        ShownRule(title_of(rule.rule), _sentence(rule), is_reviewed=rule.on_fail == "review")
        for rule in policy.rules
    ]


def _sentence(rule: PolicyRule) -> str:
    describe = _SENTENCES.get(rule.rule)
    return describe(rule.params) if describe else str(_PLAIN.get(rule.rule, title_of(rule.rule)))


def _date(moment: object) -> str:
    return formats.date_format(moment, "DATE_FORMAT") if isinstance(moment, datetime) else str(moment)


def _roles(params: Params) -> str:
    roles = " / ".join(params.get("roles", ("Owner", "Maintainer")))
    return text("Your account has a role (%(roles)s) on a project that was designated critical.") % {
        "roles": roles
    }


def _two_factor(params: Params) -> str:
    # Ordered by strength.
    states = ", ".join(str(name) for state, name in _STATES.items() if state in params["allow"])
    return text("Your account has one of these: %(states)s.") % {"states": states}


def _region(params: Params) -> str:
    if "allow" not in params:
        return text("We send keys to your country, according to the country list.")
    names = ", ".join(sorted(localized_country_name(code) for code in params["allow"]))
    return text("Your address is in one of these countries: %(countries)s.") % {"countries": names}


def _open(params: Params) -> str:
    if "opens_at" not in params:
        return text("The programme is open: its dates are on the first page.")
    dates = {"opens": _date(params["opens_at"]), "closes": _date(params["closes_at"])}
    return text("You claim between %(opens)s and %(closes)s.") % dates


def _roster_age(params: Params) -> str:
    return text(
        "Our data about projects and accounts is at most %(hours)s hours old. If it is older, no one "
        "is refused for good: we ask you to come back."
    ) % {"hours": params["max_age_hours"]}


def _joined(params: Params) -> str:
    return text("You joined by %(date)s. If we do not know when you joined, you meet this rule.") % {
        "date": _date(params["before"])
    }


def _role_age(params: Params) -> str:
    days: int = params["min_days"]
    return ngettext(
        "You have had your role for %(days)d day.", "You have had your role for %(days)d days.", days
    ) % {"days": days}


def _email_age(params: Params) -> str:
    days: int = params["min_days"]
    return ngettext(
        "Your account’s email address has not changed for %(days)d day.",
        "Your account’s email address has not changed for %(days)d days.",
        days,
    ) % {"days": days}


def _shared(params: Params) -> str:
    claims: int = params["max_claims"]
    return ngettext(
        "No more than %(claims)d claim goes to one home.",
        "No more than %(claims)d claims go to one home.",
        claims,
    ) % {"claims": claims}


_SENTENCES = {
    "campaign_open": _open,
    "on_critical_roster": _roles,
    "two_factor": _two_factor,
    "region": _region,
    "roster_fresh": _roster_age,
    "account_joined_before": _joined,
    "role_age": _role_age,
    "email_age": _email_age,
    "address_not_shared": _shared,
}
# Rules whose parameters, if any, are not shown.
_PLAIN = {
    "one_claim": _("You have no other claim in this programme."),
    "not_opted_out": _("You have not left the programme."),
    "not_organization_account": _(
        "Your account belongs to a person. Organisations can name people to claim keys."
    ),
    "stock_available": _("There are keys in stock."),
    "wave_invited": _("Your invitation has been sent. We send invitations in waves."),
    "project_not_recreated": _("Your project was not recently deleted and recreated."),
}
