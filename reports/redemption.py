"""The redemption report: how many keys were redeemed, when, where, at what cost, and to what effect."""

from datetime import datetime

import pandas as pd

from reports.as_of import moment_in_words
from reports.documents import RedemptionReport
from reports.frames import Frames, read_frames
from reports.metrics import claims as claim_metrics
from reports.metrics import forecast, money, parcels, roster
from reports.metrics import redeemed_keys as keys


def redemption_report(*, campaign_slug: str | None, as_of: datetime) -> RedemptionReport:
    """Build the exact report as a JSON document, in a fixed order.

    It can identify people (a country with one claim is a row), so it is for staff who may see people; others
    get `reports.public.published_report`.

    Stock, two-factor states and critical projects cover all campaigns, because stock is shared and
    observations belong to none. The rest is of the campaign, or of all.

    Args:    as_of: rows appended later are left out. Callers validate it first
             (`reports.as_of`).
    Returns: the same document for the same rows.
    """
    return redemption_document(read_frames(as_of), campaign_slug=campaign_slug, as_of=as_of)


def redemption_document(frames: Frames, *, campaign_slug: str | None, as_of: datetime) -> RedemptionReport:
    """Build the report from frames; no database."""
    moment = pd.Timestamp(as_of)
    claims = keys.of_campaign(frames.claims, campaign_slug)
    ours = frames.claim_events[frames.claim_events["claim"].isin(claims["claim"])]
    changes = keys.of_campaign(keys.key_changes(frames.movements, frames.claims), campaign_slug)
    labels = frames.labels[frames.labels["claim"].isin(claims["claim"])]
    charged = frames.charges[frames.charges["claim"].isin(claims["claim"]) | (campaign_slug is None)]
    opened = frames.cases[frames.cases["claim"].isin(claims["claim"])]
    steps = claim_metrics.journeys(claims, ours, frames.two_factor)
    states = roster.before_and_now(frames.two_factor, _start(frames.campaigns, campaign_slug))
    on_roster = frames.roles.loc[frames.roles["project"].isin(frames.critical_projects["project"]), "person"]
    without_key = states.loc[states["before"] != "webauthn", "person"]
    headline = keys.headline(changes, frames.movements)
    two_factor = roster.two_factor_numbers(states, steps)
    in_waves = keys.of_campaign(frames.invitations, campaign_slug)
    invited = int(in_waves["person"].nunique()) or None
    booked = frames.book_entries[frames.book_entries["claim"].isin(claims["claim"]) | (campaign_slug is None)]
    delivered, enrolled = headline["delivered"], two_factor["enrolled"]
    sent = parcels.sending(labels, charged, delivered_keys=delivered, enrolled=enrolled)
    paid = money.payments(booked)
    funnel = claim_metrics.funnel(
        steps, on_roster=on_roster, eligible=on_roster[on_roster.isin(without_key)], invited=invited
    )
    waitlist = claim_metrics.waitlist(claims, ours)
    cases = parcels.case_numbers(opened, moment)
    stock = keys.stock_by_account(frames.movements)
    expected = forecast.stock_forecast(frames.movements, moment)
    last = ours.drop_duplicates("claim", keep="last")
    accepted = last.loc[last["state_after"] == "accepted", "claim"]
    return {
        "campaign": campaign_slug,
        "as_of": moment_in_words(as_of),
        "keys": headline,
        "funnel": funnel,
        "claims": claim_metrics.claims_by_state(claims, ours),
        "by_week": keys.by_week(changes),
        "by_country": [{"country": name, **counts} for name, counts in keys.by_group(changes, "country")],
        "by_key_model": keys.by_key_model(changes, frames.movements),
        "by_wave": [{"wave": name, **counts} for name, counts in keys.by_group(changes, "wave") if name],
        "by_policy": [{"policy": name, **counts} for name, counts in keys.by_group(changes, "policy")],
        "projects": roster.projects(frames.critical_projects, frames.roles, states),
        "two_factor": two_factor,
        "refusals": roster.refusals(keys.of_campaign(frames.decisions, campaign_slug)),
        "waitlist": waitlist,
        "exceptions": roster.exception_numbers(frames.exceptions, frames.appeals, moment),
        "cases": cases,
        "carriers": parcels.carriers(steps, labels, frames.tracking, frames.movements),
        "costs": {
            "programme": money.programme_money(sent, paid, delivered_keys=delivered, enrolled=enrolled),
            "sending": sent,
            "payments": paid,
        },
        "stock": stock,
        "forecast": expected,
        "risks": forecast.risks(
            steps,
            moment,
            accepted=accepted,
            stock=stock,
            forecast=expected,
            cases=cases,
            waitlist=waitlist,
        ),
    }


def _start(campaigns: pd.DataFrame, slug: str | None) -> pd.Timestamp | None:
    """When the campaign opened, or the first campaign."""
    opened = keys.of_campaign(campaigns, slug)["opens_at"]
    return None if opened.empty else opened.min()
