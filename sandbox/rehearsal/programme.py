"""One whole programme, day by day: roster in, keys in, claims, labels, parcels, and who enrolled."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

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
from sandbox.rehearsal.workers import Workers
from sandbox.stripe.client import StripeControl
from sandbox.synthetic_index import generate_index

ACTOR = "system:rehearsal"
REVIEWER = "staff:rehearsal-reviewer"
CAMPAIGN = "security-keys"
# The index pushes its roster once a week here, so a roster may be a little over a week old.
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
# A campaign outlives the rehearsal, so that a demo can still claim.
OPEN_AFTER_THE_END = timedelta(weeks=8)


# What the few who want more than is free may buy, and every visitor of the demo.
PRICES = {
    "version": "rehearsal-1",
    "currency": "USD",
    "extra_key": 2900,
    "max_extra_keys": 3,
    "shipping": {"*": 1800},
    "express": {"*": 2500},
}


class Programme:
    """A programme being rehearsed. `prepare` fills the empty database, `days` plays it, `summary` adds up."""

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
        # What the reports said of moments, when these had just passed; asked again at the end (I11).
        self.told: dict[datetime, str] = {}

    # Before the first day.

    def prepare(self) -> None:
        """Roster, catalogue, stock, policy, regions and campaign, all through their services."""
        now = self.plan.start - timedelta(days=1)
        self.clock.move_to(now)
        self._take_in_roster(now)
        self._take_in_stock(now)
        self._open_campaign(now)
        self.people = self._people()
        self.clock.move_to(self.plan.start)

    def _take_in_roster(self, now: datetime) -> None:
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

    def _take_in_stock(self, now: datetime) -> None:
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
        """By the way every change of the rules takes: drafted by one, previewed, published by another."""
        publish_policy(document=shipped_policy("keydesk-default"), actor=ACTOR, now=now)
        version = draft_policy(document=POLICY, actor=ACTOR, now=now).version
        preview_draft(version=version, campaign=None, actor=ACTOR, now=now)
        return publish_draft(version=version, actor=REVIEWER, now=now, effective_at=now)

    def _people(self) -> dict[int, list[Person]]:
        """Who comes on which day, in the order they come."""
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

    # Day by day.

    def days(self, steps: Steps) -> Iterator[datetime]:
        """Play every day; yields each evening."""
        for number in range(self.plan.weeks * 7):
            midnight = datetime.combine(self.plan.start.date(), time(), self.plan.start.tzinfo)
            evening = midnight + timedelta(days=number, hours=23, minutes=59)
            # Labels are bought while people come, and all of them before the carrier's day passes; what it
            # says is worked as it says it. At each `finish` it is the same whoever was faster.
            self.workers.start(evening)
            for one in self.people.get(number, []):
                self._claim(one, evening)
            self.clock.move_to(evening)
            # Somebody may have come, and paid, in the day's last minute: time does not go back for the rest.
            evening = self.clock()
            self._review_what_waits(evening)
            self.workers.finish()
            if self.plan.faults != "none":
                run_periodic_job(RESOLVE_PURCHASES)
            # Before the vendor's day passes, so that it is we who end what nobody paid, and not its time.
            self.payers.end_what_nobody_paid()
            self.workers.work(evening)
            with self.workers.working(evening):
                self.vendor.advance_to(evening)
            self.payers.fetch_books()
            if number % 7 == 6:
                # Asking after every parcel that was quiet for hours is a week's work at this pace.
                for job in WEEKLY:
                    run_periodic_job(job)
                self.workers.work(evening)
                self._carrier_bill(evening)
                moment = evening - timedelta(seconds=1)
                self.told[moment] = _what_is_told_of(moment)
                # After the last week too: a demo goes on from here, and an old roster admits nobody.
                self._weekly_roster(evening)
            steps.advance()
            yield evening
        if self.plan.faults != "none":
            self._bring_to_rest()

    def _bring_to_rest(self) -> None:
        """Between the last evening and the programme's end: find out what became of every purchase."""
        while LabelPurchase.objects.filter(state=PurchaseState.BUYING).exists():
            assert self.clock() < self.plan.end, "purchases are found out within hours"
            self.clock.move_to(self.clock() + timedelta(minutes=10))
            run_periodic_job(RESOLVE_PURCHASES)
            self.workers.work(self.clock())

    def _claim(self, one: Person, evening: datetime) -> None:
        assert one.claims_after is not None
        self.clock.move_to(self.plan.start + one.claims_after)
        if not one.cancels and not one.is_to_pay:
            self._submit(one)
            return
        # Whether a claim can be cancelled, when it is paid, and who gets its keys, must not depend on how
        # fast workers are.
        self.workers.finish()
        claim = self._submit(one)
        if claim and claim.state == ClaimState.AWAITING_PAYMENT:
            # Sessions are good for a day of the vendor's own clock.
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

    def _review_what_waits(self, now: datetime) -> None:
        """A reviewer approves four of five claims the policy held."""
        for claim in Claim.objects.filter(state="in_review").order_by("created_at", "account__username"):
            self.tally["reviewed"] += 1
            approve = self.tally["reviewed"] % 5 != 0
            note = "Named by the organisation." if approve else "The account belongs to nobody in particular."
            review_claim(code=claim.code, approve=approve, note=note, reviewer=REVIEWER, now=now)

    def _weekly_roster(self, now: datetime) -> None:
        """The index sends its accounts again: those who had their keys long enough now use them."""
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
        # Roles did not change, but the index says so again: the roster is as fresh as its oldest list.
        import_roles(path=self.index.roles, actor=ACTOR, now=now)

    def _carrier_bill(self, now: datetime) -> None:
        """The carrier bills what it paid at borders, two weeks later: a fifth of the value and five dollars.

        By the day of the claim and not of the delivery: that is the same however fast the machine is.
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

    def standing(self) -> str:
        """How it stands, in a line."""
        refused = sum(count for what, count in self.tally.items() if what.startswith("refused"))
        accepted, waitlisted = self.tally["accepted"], self.tally["waitlisted"]
        return f"{accepted:,} accepted, {waitlisted:,} waitlisted, {refused:,} refused"

    # Afterwards.

    def summary(self) -> dict[str, Any]:
        """What came of it; the same seed gives the same document, to the byte."""
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
                "moments": len(self.told),
                "same_when_made_later": all(
                    told == _what_is_told_of(moment) for moment, told in self.told.items()
                ),
            },
            "vendor": self._compare_books(),
            "payments": self.payers.books(),
            "verify": verdict,
        }

    def _compare_books(self) -> dict[str, Any]:
        """The stand-in keeps its own books; they must agree with ours to the label and the cent."""
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


def _what_is_told_of(moment: datetime) -> str:
    """A digest of the exact and the published report as of a moment, made now."""
    exact = redemption_report(campaign_slug=CAMPAIGN, as_of=moment)
    published = released_report(campaign_slug=CAMPAIGN, as_of=moment, smallest_group=5)
    return hashlib.sha256(json.dumps([exact, published]).encode()).hexdigest()
