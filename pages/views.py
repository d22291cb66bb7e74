"""The claimant's pages: what this is, whether I may claim, my claim."""

import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config import clock
from config.errors import BadRequest
from config.models import User
from fulfillment.claims import story
from fulfillment.claims.counters import keys_of
from fulfillment.claims.countries import country_name
from fulfillment.claims.errors import AlreadyClaimed, Ineligible, TooLate
from fulfillment.claims.models import Campaign, Claim, ClaimEvent
from fulfillment.claims.rules import CANCELLABLE_STATES, ClaimState
from fulfillment.claims.selectors import current_campaign, explain, open_regions, place_in_line, region_for
from fulfillment.claims.services.changes import cancel_claim
from fulfillment.claims.services.progress import KEEP_ADDRESS_FOR
from fulfillment.claims.services.submission import submit_claim
from fulfillment.notices.models import Notice
from pages.forms import NUMBERS, ClaimForm
from reports.public import public_keys
from roster.models import Account
from roster.rules import Decision, Verdict
from roster.speech import reason_of, remedy_of

# Where the session remembers which form made which claim; the oldest are forgotten.
SUBMITTED, REMEMBERED = "submitted_claims", 10
TRACKING_EVENTS = (ClaimEvent.Name.SHIPPED, ClaimEvent.Name.CORRECTED)


def _account(request: HttpRequest) -> Account | None:
    """The maintainer who is signed in; staff have no account on the roster."""
    return request.user.account if isinstance(request.user, User) else None


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this is, how many keys are left, and the one next step."""
    now = clock.now()
    campaign = current_campaign(now)
    account = _account(request)
    keys = public_keys(campaign, now=now) if campaign else None
    live = None
    if campaign and account:
        live = Claim.objects.live().of(account.pk).filter(campaign=campaign).first()
    return render(
        request,
        "pages/home.html",
        {
            "campaign": campaign,
            "per_claim_word": NUMBERS.get(campaign.per_claim, campaign.per_claim) if campaign else "",
            "is_open": campaign is not None and campaign.opens_at <= now < campaign.closes_at,
            "is_over": campaign is not None and now >= campaign.closes_at,
            "keys": keys,
            "shown": {name: f"{number:,}" for name, number in asdict(keys).items()} if keys else {},
            "account": account,
            "live_claim": live,
            "countries": sorted(country_name(region.country) for region in open_regions(now)),
        },
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """May I claim, and why; and the form."""
    now = clock.now()
    campaign, account = current_campaign(now), _account(request)
    if campaign is None or account is None:
        return render(request, "pages/nothing_to_claim.html", {"campaign": campaign, "account": account})
    if request.method == "POST":
        return _submit(request, campaign=campaign, account=account, now=now)
    live = Claim.objects.live().of(account.pk).filter(campaign=campaign).first()
    if live is not None:
        return redirect("claims:claim", live.code)
    country = request.GET.get("country", "")
    open_countries = [region.country for region in open_regions(now)]
    form = ClaimForm(
        campaign=campaign,
        regions=open_regions(now),
        now=now,
        initial={"country": country if country in open_countries else "", "name": ""},
    )
    decision = explain(account=account, campaign=campaign, country=None, now=now).decision
    return _show_start(request, campaign=campaign, account=account, form=form, decision=decision)


def _submit(request: HttpRequest, *, campaign: Campaign, account: Account, now: datetime) -> HttpResponse:
    form_key = request.POST.get("form_key", "")[:80]
    # The same form again (double click, back button): show what it made, whatever became of that since.
    made = request.session.get(SUBMITTED, {}).get(form_key)
    if made and Claim.objects.of(account.pk).filter(code=made).exists():
        return redirect("claims:claim", made)
    form = ClaimForm(request.POST, campaign=campaign, regions=open_regions(now), now=now)
    if not form.is_valid() or form.address is None:
        decision = explain(account=account, campaign=campaign, country=None, now=now).decision
        return _show_start(
            request,
            campaign=campaign,
            account=account,
            form=form,
            decision=decision,
            form_key=form_key,
            status=422,
        )
    try:
        claim = submit_claim(
            campaign=campaign,
            username=account.username,
            items=form.wanted,
            address=form.address,
            actor=f"maintainer:{account.pk}",
            now=now,
        )
    except AlreadyClaimed as error:
        messages.info(request, "You have a claim already; this is it.")
        return redirect("claims:claim", error.claim_code)
    except Ineligible as error:
        return _show_start(
            request, campaign=campaign, account=account, form=form, decision=error.decision, status=403
        )
    except BadRequest as error:
        for problem in error.errors:
            form.add_error("keys", problem.message)
        decision = explain(account=account, campaign=campaign, country=None, now=now).decision
        return _show_start(
            request,
            campaign=campaign,
            account=account,
            form=form,
            decision=decision,
            form_key=form_key,
            status=422,
        )
    _remember(request, form_key, claim.code)
    return redirect("claims:claim", claim.code)


def _remember(request: HttpRequest, form_key: str, code: str) -> None:
    if form_key:
        before = list(request.session.get(SUBMITTED, {}).items())
        request.session[SUBMITTED] = dict([*before[-(REMEMBERED - 1) :], (form_key, code)])


def _show_start(
    request: HttpRequest,
    *,
    campaign: Campaign,
    account: Account,
    form: ClaimForm,
    decision: Decision,
    form_key: str = "",
    status: int = 200,
) -> HttpResponse:
    verdicts = [verdict for verdict in decision.verdicts if not _waits_for_country(verdict)]
    return render(
        request,
        "pages/start.html",
        {
            "campaign": campaign,
            "account": account,
            "address_kept_days": KEEP_ADDRESS_FOR.days,
            "form": form,
            "form_key": form_key or secrets.token_urlsafe(16),
            "verdicts": [_shown(verdict) for verdict in verdicts],
            "may_claim": all(verdict.outcome != "fail" for verdict in verdicts),
            "needs_review": any(verdict.outcome == "review" for verdict in verdicts),
            "is_waitlist": keys_of(campaign).available < campaign.per_claim,
        },
        status=status,
    )


def _waits_for_country(verdict: Verdict) -> bool:
    """Where the keys go is asked in the form, so its verdict is not given before."""
    return verdict.rule == "region" and "country" in verdict.evidence.get("missing", ())


# What each rule is about; its verdict says the rest.
_TITLES = {
    "campaign_open": "Programme dates",
    "on_critical_roster": "Critical project",
    "two_factor": "Two-factor authentication",
    "one_claim": "One claim each",
    "region": "Country",
    "not_opted_out": "Taking part",
    "roster_fresh": "Up-to-date roster",
    "not_organization_account": "Personal account",
    "stock_available": "Keys in stock",
    "account_joined_before": "Date of joining",
    "wave_invited": "Invitation",
    "role_age": "Time in your role",
    "email_age": "Mail address",
    "address_not_shared": "Postal address",
}


def _shown(verdict: Verdict) -> dict[str, Any]:
    return {
        "title": _TITLES.get(verdict.rule, verdict.rule.replace("_", " ").capitalize()),
        "outcome": verdict.outcome,
        "reason": reason_of(verdict),
        "remedy": remedy_of(verdict) if verdict.outcome != "pass" else "",
        "projects": verdict.evidence.get("projects", []),
    }


@never_cache
@login_required
@require_safe
def claim(request: HttpRequest, code: str) -> HttpResponse:
    """My claim: where it stands, how it got there, what comes next, what we wrote to me."""
    claim = _mine(request, code)
    events = list(claim.events.order_by("at", "id"))
    region = region_for(country=claim.country, now=clock.now())
    return render(
        request,
        "pages/claim.html",
        {
            "claim": claim,
            "state": ClaimState(claim.state),
            "items": claim.items.select_related("key_model"),
            "country": country_name(claim.country),
            "place": place_in_line(claim),
            "steps": story.told(events),
            "next": story.what_comes_next(claim, promised_days=region.promised_days if region else None),
            "has_gone_well": story.has_gone_well(claim),
            "tracking": _tracking(events),
            "is_cancellable": _is_cancellable(claim),
            "notices": Notice.objects.filter(account_id=claim.account_id, claim_code=code).order_by(
                "created_at"
            ),
        },
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Asks first; a GET changes nothing."""
    claim = _mine(request, code)
    if request.method == "POST":
        try:
            cancel_claim(code=code, actor=f"maintainer:{claim.account_id}", now=clock.now())
        except TooLate:
            messages.error(
                request, "It is too late to cancel: the parcel is being packed, or the claim is closed."
            )
        else:
            messages.success(request, "Your claim is cancelled.")
        return redirect("claims:claim", code)
    if not _is_cancellable(claim):
        return redirect("claims:claim", code)
    return render(request, "pages/cancel.html", {"claim": claim})


def _mine(request: HttpRequest, code: str) -> Claim:
    """The person's own claim. Somebody else's is as unknown as one that does not exist."""
    account = _account(request)
    if account is None or "\x00" in code:
        raise Http404
    claims = Claim.objects.of(account.pk).select_related("campaign", "account")
    return get_object_or_404(claims, code=code)


def _is_cancellable(claim: Claim) -> bool:
    return claim.label_started_at is None and claim.state in CANCELLABLE_STATES


def _tracking(events: list[ClaimEvent]) -> dict[str, str] | None:
    for event in reversed(events):
        if event.name in TRACKING_EVENTS and event.data.get("tracking_code"):
            return {"carrier": event.data.get("carrier", ""), "tracking_code": event.data["tracking_code"]}
    return None
