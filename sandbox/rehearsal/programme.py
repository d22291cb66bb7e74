"""A whole programme, day by day: roster, stock, claims, labels, shipments and enrolments."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

from django.db.models import Sum

from common import clock, invariants
from common.base_command import Steps
from config.management.commands.verify import as_document
from fulfillment.claims.campaigns.policy_preview import preview_draft
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.campaigns.regions import bundled_regions, load_regions
from fulfillment.claims.errors import Ineligible
from fulfillment.claims.models import Campaign, Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState, WantedItem
from fulfillment.claims.services.amendments_and_reviews import cancel_claim, review_claim
from fulfillment.claims.services.submission import submit_claim
from fulfillment.postage.services.carrier_invoices import import_carrier_bill
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from inventory.default_key_models import ensure_catalogue
from inventory.models import KeyModel
from inventory.services.receiving import receive_stock
from reports.public.published_report import released_report
from reports.redemption import redemption_report
from roster.models import Policy
from roster.policies import shipped_policy
from roster.services.accounts import import_accounts
from roster.services.designations import designate_critical
from roster.services.downloads import import_downloads
from roster.services.policies import draft_policy, publish_draft, publish_policy
from roster.services.roles import import_roles
from sandbox.client import Control
from sandbox.rehearsal.clock import VirtualClock
from sandbox.rehearsal.payers import Payers
from sandbox.rehearsal.people import Person, draw_persona, persona_address
from sandbox.rehearsal.periodic_jobs import RESOLVE_PURCHASES, WEEKLY, run_periodic_job
from sandbox.rehearsal.plan import Plan
from sandbox.rehearsal.result import LabelComparison, RehearsalSummary
from sandbox.rehearsal.workers import Workers
from sandbox.stripe.client import StripeControl
from sandbox.synthetic_index import generate_index

ACTOR = "system:rehearsal"
REVIEWER = "staff:rehearsal-reviewer"
CAMPAIGN = "security-keys"
# The index pushes its roster once a week, so the roster may be a little over a week old.
ROSTER_MAX_AGE_HOURS = 24 * 8
POLICY = {
    "version": "rehearsal-1",
    "rules": [
        {"rule": "campaign_open"},
        {"rule": "roster_fresh", "max_age_hours": ROSTER_MAX_AGE_HOURS},
        {"rule": "on_critical_roster", "roles": ["Owner", "Maintainer"]},
        {"rule": "two_factor", "allow": ["none", "totp"]},
        {"rule": "one_claim"},
        {"rule": "not_opted_out"},
        {"rule": "region"},
        {"rule": "not_organization_account", "on_fail": "review"},
    ],
}
# The campaign stays open after the rehearsal, so that claims can be made in a demo.
OPEN_AFTER_THE_END = timedelta(weeks=8)


# Prices for the few who want more than is free, and for visitors of the demo.
PRICES = {
    "version": "rehearsal-1",
    "currency": "USD",
    "extra_key": 2900,
    "max_extra_keys": 3,
    "shipping": {"*": 1800},
    "express": {"*": 2500},
}


class Programme:
    """A rehearsed programme: `prepare` fills the empty database, `days` runs it, `summary` reports it."""

    def __init__(
        self,
        plan: Plan,
        *,
        folder: Path,
        time_now: VirtualClock,
        vendor: Control,
        workers: Workers,
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.clock = time_now
        self.vendor = vendor
        self.workers = workers
        self.payers = Payers(StripeControl(vendor))
        self.say = say
        self.tally: Counter[str] = Counter()
        # Digests of the reports as of past moments, made right then and again at the end (I11).
        self.report_digests: dict[datetime, str] = {}

    # Preparation.

    def prepare(self) -> None:
        """Create roster, catalogue, stock, policy, regions and campaign, all through their services."""
        now = self.plan.start - timedelta(days=1)
        self.clock.move_to(now)
        self._import_roster(now)
        self._receive_stock(now)
        self._open_campaign(now)
        self.people = self._people()
        self.clock.move_to(self.plan.start)

    def _import_roster(self, now: datetime) -> None:
        plan = self.plan
        self.index = generate_index(
            seed=plan.seed,
            projects=plan.projects,
            critical=plan.critical,
            maintainers=plan.maintainers,
            downloads=plan.downloads,
            directory=self.folder,
        )
        window_end = now.date()
        import_downloads(
            path=plan.downloads or self.index.downloads,
            window_start=window_end - timedelta(days=182),
            window_end=window_end,
            actor=ACTOR,
            now=now,
        )
        import_accounts(path=self.index.accounts, actor=ACTOR, now=now)
        import_roles(path=self.index.roles, actor=ACTOR, now=now)
        designated = designate_critical(cohort_size=plan.critical, actor=ACTOR, now=now)
        self.say(f"Roster: {plan.maintainers:,} maintainers of {designated.added:,} critical projects.")

    def _receive_stock(self, now: datetime) -> None:
        ensure_catalogue(now=now)
        skus = sorted(KeyModel.objects.values_list("sku", flat=True))
        lots = 4 if self.plan.keys >= 40 else 2
        for number in range(lots):
            first, after = (self.plan.keys * part // lots for part in (number, number + 1))
            receive_stock(
                sku=skus[number % len(skus)],
                lot_reference=f"PO-{number + 1:03}",
                serials=[f"RK{serial:08}" for serial in range(first, after)],
                actor=ACTOR,
                now=now + timedelta(minutes=number),
            )
        self.say(f"Stock: {self.plan.keys:,} keys of {len(skus)} models in {lots} lots.")

    def _open_campaign(self, now: datetime) -> None:
        load_regions(document=bundled_regions(), now=now)
        campaign = Campaign.objects.create(
            slug=CAMPAIGN,
            name="Security keys for critical projects",
            sponsor="The Foundation",
            opens_at=self.plan.start,
            closes_at=self.plan.end + OPEN_AFTER_THE_END,
            policy=self._publish_policy(now),
            created_at=now,
        )
        campaign.key_models.set(KeyModel.objects.all())
        self.campaign = campaign
        publish_prices(
            campaign=campaign, document=PRICES | {"valid_from": now.isoformat()}, actor=ACTOR, now=now
        )

    def _publish_policy(self, now: datetime) -> Policy:
        """Publish the policy as any other: drafted by one person, previewed, published by another."""
        publish_policy(document=shipped_policy("keydesk-default"), actor=ACTOR, now=now)
        version = draft_policy(document=POLICY, actor=ACTOR, now=now).version
        preview_draft(version=version, campaign=None, actor=ACTOR, now=now)
        return publish_draft(version=version, actor=REVIEWER, now=now, effective_at=now)

    def _people(self) -> dict[int, list[Person]]:
        """The people who claim, by day, in order of time."""
        by_day: dict[int, list[Person]] = {}
        with self.index.accounts.open(newline="") as file:
            for row in csv.DictReader(file):
                one = draw_persona(
                    self.plan.seed, row["username"], claim_share=self.plan.claim_share, weeks=self.plan.weeks
                )
                if one.claims_after is not None:
                    by_day.setdefault(one.claims_after.days, []).append(one)
        for ones in by_day.values():
            ones.sort(key=lambda one: (one.claims_after, one.username))
        return by_day

    # The days.

    def days(self, steps: Steps) -> Iterator[datetime]:
        """Run every day; yields each evening."""
        for number in range(self.plan.weeks * 7):
            midnight = datetime.combine(self.plan.start.date(), time(), self.plan.start.tzinfo)
            evening = midnight + timedelta(days=number, hours=23, minutes=59)
            # Workers buy labels while people claim, and all of them before the carrier's day passes; they
            # work its webhooks as they arrive. The state at each `finish` does not depend on speed.
            self.workers.start(evening)
            for one in self.people.get(number, []):
                self._claim(one, evening)
            self.clock.move_to(evening)
            # Someone may have paid in the last minute of the day; the clock does not go back.
            evening = self.clock()
            self._review_claims(evening)
            self.workers.finish()
            if self.plan.faults != "none":
                run_periodic_job(RESOLVE_PURCHASES)
            # Before the vendor's day passes, so that we expire unpaid payments before the vendor does.
            self.payers.expire_unpaid()
            self.workers.work(evening)
            with self.workers.working(evening):
                self.vendor.advance_to(evening)
            self.payers.fetch_balance_transactions()
            if number % 7 == 6:
                # Weekly, because each asks the vendor about every shipment without news.
                for job in WEEKLY:
                    run_periodic_job(job)
                self.workers.work(evening)
                self._import_carrier_bill(evening)
                moment = evening - timedelta(seconds=1)
                self.report_digests[moment] = _report_digest(moment)
                # After the last week as well: a demo continues from here and needs a recent roster.
                self._weekly_roster(evening)
            steps.advance()
            yield evening
        if self.plan.faults != "none":
            self._resolve_open_purchases()

    def _resolve_open_purchases(self) -> None:
        """Resolve every open purchase between the last evening and the end of the programme."""
        while LabelPurchase.objects.filter(state=PurchaseState.BUYING).exists():
            assert self.clock() < self.plan.end, "purchases are resolved within hours"
            self.clock.move_to(self.clock() + timedelta(minutes=10))
            run_periodic_job(RESOLVE_PURCHASES)
            self.workers.work(self.clock())

    def _claim(self, one: Person, evening: datetime) -> None:
        assert one.claims_after is not None
        self.clock.move_to(self.plan.start + one.claims_after)
        if not one.cancels and not one.is_to_pay:
            self._submit(one)
            return
        # Whether a claim can be cancelled, when it is paid, and who gets its keys must not depend on the
        # speed of the workers.
        self.workers.finish()
        claim = self._submit(one)
        if claim and claim.state == ClaimState.AWAITING_PAYMENT:
            # Checkout sessions are valid for a day by the vendor's own clock.
            self.vendor.set_clock(self.clock())
            self.payers.visit(claim, one, self.tally)
        if claim and one.cancels:
            self.clock.move_to(self.clock() + timedelta(minutes=10))
            cancel_claim(code=claim.code, actor="claimant", now=clock.now())
            self.tally["cancelled"] += 1
        self.workers.work(evening)
        self.workers.start(evening)

    def _submit(self, one: Person) -> Claim | None:
        sku = {"pair": None, "usb_a": "KD-A-NFC", "usb_c": "KD-C-NFC"}[one.wants]
        items = [WantedItem(sku, 2 + one.extra_keys)] if sku or one.extra_keys else []
        try:
            claim = submit_claim(
                campaign=self.campaign,
                username=one.username,
                items=items,
                address=persona_address(self.plan.seed, one),
                service="express" if one.is_express else "standard",
                actor="claimant",
                now=clock.now(),
            )
        except Ineligible as refusal:
            self.tally[f"refused: {refusal.decision.headline}"] += 1
            return None
        self.tally[claim.state] += 1
        return claim

    def _review_claims(self, now: datetime) -> None:
        """Review the claims that the policy holds for review; four of five are approved."""
        for claim in Claim.objects.filter(state="in_review").order_by("created_at", "account__username"):
            self.tally["reviewed"] += 1
            approve = self.tally["reviewed"] % 5 != 0
            note = "Named by the organisation." if approve else "The account belongs to nobody in particular."
            review_claim(code=claim.code, approve=approve, note=note, reviewer=REVIEWER, now=now)

    def _weekly_roster(self, now: datetime) -> None:
        """Import the accounts again, in which people who have had their keys long enough are enrolled."""
        enrolled = self._enrolled_by(now)
        path = self.folder / f"accounts-{now.date()}.csv"
        with self.index.accounts.open(newline="") as before, path.open("w", newline="") as after:
            rows = csv.DictReader(before)
            writer = csv.DictWriter(after, fieldnames=rows.fieldnames or [], lineterminator="\n")
            writer.writeheader()
            for row in rows:
                if row["username"] in enrolled:
                    row["has_webauthn"] = "true"
                writer.writerow(row)
        import_accounts(path=path, actor=ACTOR, now=now)
        path.unlink()
        # The roles are unchanged, but a roster is only as fresh as its oldest list.
        import_roles(path=self.index.roles, actor=ACTOR, now=now)

    def _import_carrier_bill(self, now: datetime) -> None:
        """Import the carrier's bill for duties, two weeks later: a fifth of the value plus five dollars.

        By the date of the claim, not of delivery, as it does not depend on the speed of the machine.
        """
        crossed = LabelPurchase.objects.filter(
            state=PurchaseState.BOUGHT,
            shipment__has_customs=True,
            incoterm="DDP",
            shipment__claim__created_at__lte=now - timedelta(days=14),
            charges__isnull=True,
        )
        valued = crossed.annotate(value=Sum("shipment__units__key_model__customs_value_cents"))
        rows = valued.order_by("tracking_code").values_list("tracking_code", "value")
        if not rows:
            return
        path = self.folder / f"bill-{now.date()}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["tracking_code", "kind", "amount", "currency", "bill"])
            for code, value in rows:
                cents = value // 5 + 500
                amount = f"{cents // 100}.{cents % 100:02}"
                writer.writerow([code, "duty", amount, "USD", f"B-{now.date()}"])
        import_carrier_bill(path=path, actor=ACTOR, now=now)
        path.unlink()

    def _enrolled_by(self, now: datetime) -> set[str]:
        delivered = ClaimEvent.objects.filter(name=ClaimEvent.Name.DELIVERED).values_list(
            "claim__account__username", "at"
        )
        enrolled = set()
        for username, at in delivered:
            one = draw_persona(
                self.plan.seed, username, claim_share=self.plan.claim_share, weeks=self.plan.weeks
            )
            if one.enrols_after is not None and at + one.enrols_after <= now:
                enrolled.add(username)
        return enrolled

    def progress_line(self) -> str:
        """Progress in one line."""
        refused = sum(count for what, count in self.tally.items() if what.startswith("refused"))
        accepted, waitlisted = self.tally["accepted"], self.tally["waitlisted"]
        return f"{accepted:,} accepted, {waitlisted:,} waitlisted, {refused:,} refused"

    # The result.

    def summary(self) -> RehearsalSummary:
        """The result; the same seed gives the same document, byte for byte."""
        now = self.plan.end
        verdict = as_document(invariants.verify_all())
        report = redemption_report(campaign_slug=CAMPAIGN, as_of=now)
        return {
            "seed": self.plan.seed,
            "keys": self.plan.keys,
            "maintainers": self.plan.maintainers,
            "weeks": self.plan.weeks,
            "came": dict(sorted(self.tally.items())),
            "report": report,
            "reports": {
                "moments": len(self.report_digests),
                "same_when_made_later": all(
                    digest == _report_digest(moment) for moment, digest in self.report_digests.items()
                ),
            },
            "vendor": self._compare_labels(),
            "payments": self.payers.compare_ledgers(),
            "verify": verdict,
        }

    def _compare_labels(self) -> LabelComparison:
        """Compare the stand-in's labels and cents with ours; they must be equal."""
        ours = LabelPurchase.objects.filter(bought_at__isnull=False).values_list("cost_cents", flat=True)
        theirs = self.vendor.state()
        return {
            "labels_ours": len(ours),
            "labels_theirs": theirs["labels_bought"],
            "cents_ours": sum(cost or 0 for cost in ours),
            "cents_theirs": theirs["spent_cents"],
            "agree": len(ours) == theirs["labels_bought"]
            and sum(cost or 0 for cost in ours) == theirs["spent_cents"],
        }


def _report_digest(moment: datetime) -> str:
    """A digest of the exact and the published report as of a moment, both made now."""
    exact = redemption_report(campaign_slug=CAMPAIGN, as_of=moment)
    published = released_report(campaign_slug=CAMPAIGN, as_of=moment, smallest_group=5)
    return hashlib.sha256(json.dumps([exact, published]).encode()).hexdigest()
