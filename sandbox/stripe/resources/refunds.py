"""Refunds: created, settled days later, or returned by the bank."""

from __future__ import annotations

from datetime import timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.form_encoding import form_text, metadata, whole_number
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects
from sandbox.stripe.resources.balance_transactions import book
from sandbox.stripe.resources.events import publish_stripe_event
from sandbox.stripe.resources.expansion import expand_list, expand_object
from sandbox.vendor_json import Json

REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def refund_charge(
    account: StripeAccount, charged: Json, *, amount: int | None, reason: str | None, metadata: dict[str, str]
) -> Json:
    """Create a refund. Raises StripeError as Stripe does."""
    left = charged["amount"] - charged["amount_refunded"]
    if charged["disputed"]:
        raise invalid("This charge has been charged back.", code="charge_disputed")
    if left == 0:
        message = f"Charge {charged['id']} has already been refunded."
        raise StripeError(400, message, code="charge_already_refunded")
    wanted = left if amount is None else amount
    if wanted < 1 or wanted > left:
        raise invalid(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    made = objects.refund_object(
        charged,
        amount=wanted,
        status=account.settings.refund_status,
        reason=reason,
        metadata=metadata,
        now=account.now,
    )
    account.refunds[made["id"]] = made
    made["balance_transaction"] = book(account, made, -wanted, kind="refund")
    _add_refunded(account, charged, wanted)
    publish_stripe_event(account, "refund.created", made, key=charged["payment_intent"])
    if made["status"] != "succeeded":
        arrives = account.now + timedelta(days=account.settings.refund_days)

        def arrive() -> None:
            if made["status"] in ("pending", "requires_action"):
                before, made["status"] = made["status"], "succeeded"
                publish_stripe_event(
                    account,
                    "refund.updated",
                    made,
                    previous={"status": before},
                    key=charged["payment_intent"],
                )

        account.world.agenda.put(arrives, arrive, key=charged["payment_intent"])
    return made


def fail_refund(account: StripeAccount, made: Json) -> None:
    """Fail a refund: the bank returns it, possibly days after accepting it."""
    if made["status"] in ("failed", "canceled"):
        raise invalid("This refund has failed already.")
    charged = account.charges[made["charge"]]
    before, made["status"] = made["status"], "failed"
    made["failure_reason"] = "expired_or_canceled_card"
    made["failure_balance_transaction"] = book(
        account, made, made["amount"], kind="payment_failure_refund", category="refund_failure"
    )
    _add_refunded(account, charged, -made["amount"])
    key = charged["payment_intent"]
    publish_stripe_event(account, "refund.updated", made, previous={"status": before}, key=key)
    publish_stripe_event(account, "refund.failed", made, key=key)


def _add_refunded(account: StripeAccount, charged: Json, amount: int) -> None:
    before = charged["amount_refunded"]
    charged["amount_refunded"] = before + amount
    charged["refunded"] = charged["amount_refunded"] == charged["amount"]
    if amount > 0:
        previous: Json = {"amount_refunded": before}
        if charged["refunded"]:
            previous["refunded"] = False
        publish_stripe_event(
            account,
            "charge.refunded",
            charged,
            previous=previous,
            key=charged["payment_intent"],
        )


def create_refund(account: StripeAccount, call: StripeCall) -> Json:
    params = call.params
    intent_id = params.get("payment_intent")
    charged = account.charge_of(account.intent(form_text(intent_id, "payment_intent"))["id"])
    if charged is None:
        raise invalid(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    amount = params.get("amount")
    reason = params.get("reason")
    if reason is not None and reason not in REFUND_REASONS:
        raise invalid("Invalid reason", param="reason")
    made = refund_charge(
        account,
        charged,
        amount=None if amount is None else whole_number(amount, "amount", at_least=1),
        reason=reason,
        metadata=metadata(params.get("metadata")),
    )
    return expand_object(account, made, params)


def retrieve_refund(account: StripeAccount, call: StripeCall) -> Json:
    return expand_object(account, account.refund(call.ids["id"]), call.params)


def list_refunds(account: StripeAccount, call: StripeCall) -> Json:
    found = stripe_page(
        account.refunds.values(), call.params, url="/v1/refunds", by=("payment_intent", "charge")
    )
    return expand_list(account, found, call.params)
