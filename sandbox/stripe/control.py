"""The control API under `/_control/stripe/`, for tests and demos.

All bodies are JSON; an invalid request gets 400 and `{"error": …}`.
"""

from __future__ import annotations

import copy

from aiohttp import web

from sandbox.control_requests import ControlHandler, ControlRefused, answering, body_of
from sandbox.easypost.settings import BadSetting
from sandbox.faults import InvalidFault
from sandbox.stripe.account import StripeAccount
from sandbox.stripe.app import Stripe
from sandbox.stripe.errors import StripeError
from sandbox.stripe.ids import new_stripe_id
from sandbox.stripe.resources import balance_transactions, disputes, objects, payments, refunds
from sandbox.stripe.store import CheckoutSession
from sandbox.vendor_json import Json


class StripeControlRoutes:
    """Answers `/_control/stripe/…`. Whatever moves money answers once its webhooks have settled."""

    def __init__(self, vendor: Stripe) -> None:
        self._vendor = vendor

    def add_routes(self, app: web.Application) -> None:
        routes: list[tuple[str, str, ControlHandler]] = [
            ("POST", "/settings", self.settings),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/state", self.state),
            ("GET", "/ledger", self.ledger),
            ("GET", "/sessions", self.sessions),
            ("POST", "/sessions/{id}/{way:pay|decline|later|expire|succeed|fail}", self.act),
            ("POST", "/sessions/{id}/tamper", self.tamper),
            ("POST", "/intents/{id}/refund", self.refund),
            ("POST", "/intents/{id}/dispute", self.dispute),
            ("POST", "/refunds/{id}/fail", self.fail_refund),
            ("POST", "/disputes/{id}/close", self.close_dispute),
            ("POST", "/events/{id}/resend", self.resend),
            ("GET", "/events", self.events),
            ("POST", "/strangers", self.stranger),
            ("POST", "/forget", self.forget),
            ("POST", "/endpoints/roll", self.roll),
        ]
        for method, path, handler in routes:
            app.router.add_route(method, f"/_control/stripe{path}", answering(_refusing(handler)))

    async def settings(self, request: web.Request) -> Json:
        try:
            changed = self._vendor.world.settings.changed(await body_of(request))
        except BadSetting as error:
            raise ControlRefused(str(error)) from None
        self._vendor.world.settings = changed
        return changed.to_json()

    async def faults(self, request: web.Request) -> Json:
        return {"faults": self._vendor.faults.to_json()}

    async def add_fault(self, request: web.Request) -> Json:
        try:
            return self._vendor.faults.add(await body_of(request)).to_json()
        except InvalidFault as error:
            raise ControlRefused(str(error)) from None

    async def clear_faults(self, request: web.Request) -> Json:
        self._vendor.faults.clear()
        return {"faults": []}

    async def state(self, request: web.Request) -> Json:
        """Counts, per mode."""
        return {
            "modes": {
                mode: {
                    "sessions": len(account.sessions),
                    "charges": len(account.charges),
                    "refunds": len(account.refunds),
                    "disputes": len(account.disputes),
                    "events": len(account.events),
                    "tally": dict(sorted(account.tally.items())),
                }
                for mode, account in self._vendor.accounts.items()
            }
        }

    async def ledger(self, request: web.Request) -> Json:
        """The stand-in's own books: per charge, what it was, its fees, and what went back."""
        rows = [row for account in self._vendor.accounts.values() for row in _ledger(account)]
        return {"charges": rows}

    async def sessions(self, request: web.Request) -> Json:
        account = self._account(request)
        return {"sessions": [session.body for session in account.sessions.values()]}

    async def act(self, request: web.Request) -> Json:
        """Act on a session as the payer, their bank or its expiry would."""
        account, session = self._session(request)
        match request.match_info["way"]:
            case "pay":
                payments.pay_session(account, session)
            case "decline":
                payments.decline(account, session)
            case "later":
                payments.pay_later(account, session)
            case "expire":
                payments.expire(account, session)
            case "succeed":
                payments.decide_later(account, session, succeeded=True)
            case "fail":
                payments.decide_later(account, session, succeeded=False)
        await self._vendor.settle()
        return session.body

    async def tamper(self, request: web.Request) -> Json:
        """Change what a session says on the way: amount, currency, claim, payment, livemode."""
        account, session = self._session(request)
        changes = await body_of(request)
        body = session.body
        intent = account.intents.get(body["payment_intent"] or "")
        charged = account.charge_of(intent["id"]) if intent else None
        if "amount" in changes:
            body["amount_total"] = changes["amount"]
            if intent is not None:
                intent |= {"amount": changes["amount"], "amount_received": changes["amount"]}
            if charged is not None:
                charged |= {"amount": changes["amount"], "amount_captured": changes["amount"]}
        if "currency" in changes:
            for one in (body, intent, charged):
                if one is not None:
                    one["currency"] = changes["currency"]
        if "claim" in changes:
            body["client_reference_id"] = changes["claim"]
        if "payment" in changes:
            body["metadata"]["payment"] = changes["payment"]
        if "livemode" in changes:
            body["livemode"] = changes["livemode"]
        if "status" in changes:
            body["status"] = changes["status"]
        return body

    async def refund(self, request: web.Request) -> Json:
        """Create a refund, as by hand in the vendor's dashboard."""
        account = self._account(request)
        charged = account.charge_of(account.intent(request.match_info["id"])["id"])
        if charged is None:
            raise ControlRefused("nothing was paid")
        amount = (await body_of(request)).get("amount")
        made = refunds.refund_charge(account, charged, amount=amount, reason=None, metadata={})
        await self._vendor.settle()
        return made

    async def dispute(self, request: web.Request) -> Json:
        account = self._account(request)
        charged = account.charge_of(account.intent(request.match_info["id"])["id"])
        if charged is None:
            raise ControlRefused("nothing was paid")
        reason = str((await body_of(request)).get("reason", "product_not_received"))
        made = disputes.open_dispute(account, charged, reason=reason)
        await self._vendor.settle()
        return made

    async def fail_refund(self, request: web.Request) -> Json:
        account = self._account(request)
        made = account.refund(request.match_info["id"])
        refunds.fail_refund(account, made)
        await self._vendor.settle()
        return made

    async def close_dispute(self, request: web.Request) -> Json:
        account = self._account(request)
        made = account.dispute(request.match_info["id"])
        disputes.close_dispute(account, made, status=str((await body_of(request)).get("status")))
        await self._vendor.settle()
        return made

    async def events(self, request: web.Request) -> Json:
        return {"events": list(self._account(request).events.values())}

    async def resend(self, request: web.Request) -> Json:
        account = self._account(request)
        event = account.events.get(request.match_info["id"])
        if event is None:
            raise ControlRefused("no such event", 404)
        account.webhook_sender.send_again(event)
        await self._vendor.settle()
        return event

    async def stranger(self, request: web.Request) -> Json:
        """Create a charge that belongs to no claim, as by hand in the vendor's dashboard."""
        account = self._account(request)
        wanted = await body_of(request)
        intent = objects.payment_intent(
            amount=int(wanted.get("amount", 1000)),
            currency=str(wanted.get("currency", "usd")),
            metadata={},
            receipt_email=None,
            is_live=account.is_live,
            now=account.now,
        )
        charged = objects.charge(intent, now=account.now)
        intent |= {"status": "succeeded", "latest_charge": charged["id"]}
        account.intents[intent["id"]], account.charges[charged["id"]] = intent, charged
        fee = balance_transactions.fee_of(charged["amount"], charged["currency"])
        charged["balance_transaction"] = balance_transactions.book(
            account, charged, charged["amount"], fee=fee, kind="charge"
        )
        return charged

    async def forget(self, request: web.Request) -> Json:
        """Delete, copy or change an object without an event, to create a discrepancy."""
        account = self._account(request)
        wanted = await body_of(request)
        tables: dict[str, Json] = {
            "cs": account.sessions,
            "re": account.refunds,
            "du": account.disputes,
            "txn": account.entries,
        }
        object_id = str(wanted["id"])
        table = tables[object_id.partition("_")[0]]
        if wanted.get("copy"):
            original = table[object_id]
            body = copy.deepcopy(original.body if isinstance(original, CheckoutSession) else original)
            body["id"] = new_stripe_id(object_id.rpartition("_")[0])
            table[body["id"]] = (
                CheckoutSession(body, original.lines, {}, None)
                if isinstance(original, CheckoutSession)
                else body
            )
            return body
        if "set" in wanted:
            body = (
                table[object_id].body if isinstance(table[object_id], CheckoutSession) else table[object_id]
            )
            body |= wanted["set"]
            return dict(body)
        del table[object_id]
        return {"forgotten": object_id}

    async def roll(self, request: web.Request) -> Json:
        """Rotate the secret of every endpoint; for a time the old one signs as well."""
        account = self._account(request)
        secret = str((await body_of(request))["secret"])
        for endpoint in account.endpoints.values():
            endpoint.secrets = [secret, *endpoint.secrets[:1]]
        return {"endpoints": len(account.endpoints)}

    def _account(self, request: web.Request) -> StripeAccount:
        return self._vendor.accounts[request.query.get("mode", "test")]

    def _session(self, request: web.Request) -> tuple[StripeAccount, CheckoutSession]:
        account = self._account(request)
        return account, account.session(request.match_info["id"])


def _refusing(
    handler: ControlHandler,
) -> ControlHandler:
    async def handle(request: web.Request) -> Json:
        try:
            return await handler(request)
        except StripeError as error:
            raise ControlRefused(error.message, error.status) from None

    return handle


def _ledger(account: StripeAccount) -> list[Json]:
    refunds: dict[str, int] = {}
    for made in account.refunds.values():
        if made["status"] != "failed":
            refunds[made["charge"]] = refunds.get(made["charge"], 0) + made["amount"]
    disputed: dict[str, int] = {}
    for made in account.disputes.values():
        if made["status"] != "won":
            disputed[made["charge"]] = disputed.get(made["charge"], 0) + made["amount"]
    sources: dict[str, str] = {
        made["id"]: made["charge"] for made in [*account.refunds.values(), *account.disputes.values()]
    }
    fees: dict[str, int] = {}
    nets: dict[str, int] = {}
    for entry in account.entries.values():
        charge_id = sources.get(str(entry["source"]), str(entry["source"]))
        fees[charge_id] = fees.get(charge_id, 0) + entry["fee"]
        nets[charge_id] = nets.get(charge_id, 0) + entry["net"]
    return [
        {
            "charge": charged["id"],
            "mode": account.mode,
            "claim": charged["metadata"].get("claim", ""),
            "payment": charged["metadata"].get("payment", ""),
            "currency": charged["currency"],
            "amount": charged["amount"],
            "refunded": refunds.get(charged["id"], 0),
            "disputed": disputed.get(charged["id"], 0),
            "fees": fees.get(charged["id"], 0),
            "net": nets.get(charged["id"], 0),
        }
        for charged in account.charges.values()
    ]
