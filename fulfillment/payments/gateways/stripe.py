"""Client of Stripe's API, with explicit retries, timeouts and API version, and no personal data in logs.

The library's own behaviour is described in docs/vendors.md § 5, and its minor version is pinned. The tests
in tests/fulfillment/payments/ use it unmodified against the stand-in.
"""

import logging
import weakref
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import requests
import stripe

from fulfillment.payments.gateways import parsing
from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.values import (
    ALREADY_REFUNDED,
    NOT_OPEN,
    BalanceEntry,
    Checkout,
    Money,
    Order,
    VendorDispute,
    VendorRefund,
)
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.stripe")

T = TypeVar("T")
Json = dict[str, Any]

# The API version for which responses are parsed; an account's default version may differ.
API_VERSION = "2026-10-28.endive"
MAX_RETRIES = 2
CONNECT_TIMEOUT_S = 5
PAGE = 100
EVENTS = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
]
_EXPAND_MONEY = ["payment_intent.latest_charge"]


class StripeGateway:
    """A PaymentGateway over Stripe's HTTP API, or over the stand-in that speaks it.

    Args: api_base: the origin of Stripe or of the stand-in.
          mode: `test` or `live`; sessions of the other mode are recognized by `Checkout.is_live`.
    """

    def __init__(self, *, secret_key: str, api_base: str, mode: str, timeout_s: int) -> None:
        # Otherwise the library writes a file to the home directory and sends telemetry.
        stripe.enable_telemetry = False
        self._mode = mode
        self._api_base = api_base
        self._transport = _Transport(timeout=(CONNECT_TIMEOUT_S, timeout_s))
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base},
            max_network_retries=MAX_RETRIES,
            http_client=self._transport,
        )

    def __repr__(self) -> str:
        return f"StripeGateway({self._mode}, {self._api_base})"

    @property
    def mode(self) -> str:
        return self._mode

    def create_checkout(self, order: Order, *, key: str) -> Checkout:
        """https://docs.stripe.com/api/checkout/sessions/create"""
        return self._ask(
            lambda client: client.v1.checkout.sessions.create(
                params=_order(order), options={"idempotency_key": key}
            ),
            parsing.read_checkout,
        )

    def retrieve_checkout(self, session_id: str) -> Checkout:
        """https://docs.stripe.com/api/checkout/sessions/retrieve"""
        parsing.check_id(session_id, "cs")
        return self._ask(
            lambda client: client.v1.checkout.sessions.retrieve(session_id, params={"expand": _EXPAND_MONEY}),
            parsing.read_checkout,
        )

    def expire_checkout(self, session_id: str) -> Checkout:
        """https://docs.stripe.com/api/checkout/sessions/expire"""
        parsing.check_id(session_id, "cs")
        try:
            return self._ask(
                lambda client: client.v1.checkout.sessions.expire(session_id), parsing.read_checkout
            )
        except PaymentGatewayError as error:
            # Stripe has no code for this error, only a message; any other rejection is as final.
            if error.status == 400:
                raise PaymentGatewayError(Failure.PERMANENT, NOT_OPEN, status=400) from None
            raise

    def retrieve_money(self, payment_intent_id: str) -> Money:
        """https://docs.stripe.com/api/payment_intents/retrieve"""
        parsing.check_id(payment_intent_id, "pi")
        return self._ask(
            lambda client: client.v1.payment_intents.retrieve(payment_intent_id), parsing.read_money
        )

    def create_refund(
        self, *, payment_intent_id: str, amount: int, refund_code: str, claim_code: str, key: str
    ) -> VendorRefund:
        """https://docs.stripe.com/api/refunds/create"""
        parsing.check_id(payment_intent_id, "pi")
        return self._ask(
            lambda client: client.v1.refunds.create(
                params={
                    "payment_intent": payment_intent_id,
                    "amount": amount,
                    "reason": "requested_by_customer",
                    "metadata": {"refund": refund_code, "claim": claim_code},
                },
                options={"idempotency_key": key},
            ),
            parsing.read_refund,
        )

    def list_refunds(
        self, *, payment_intent_id: str | None = None, since: datetime | None = None
    ) -> Sequence[VendorRefund]:
        """https://docs.stripe.com/api/refunds/list"""
        params = _window(payment_intent_id, since)
        return list(self._pages(lambda client: client.v1.refunds.list(params=params), parsing.read_refund))

    def list_disputes(
        self, *, payment_intent_id: str | None = None, since: datetime | None = None
    ) -> Sequence[VendorDispute]:
        """https://docs.stripe.com/api/disputes/list"""
        params = _window(payment_intent_id, since)
        return list(self._pages(lambda client: client.v1.disputes.list(params=params), parsing.read_dispute))

    def list_checkouts(self, *, since: datetime) -> Iterator[Checkout]:
        """https://docs.stripe.com/api/checkout/sessions/list"""
        params: Any = {
            **_window(None, since),
            "expand": [f"data.{path}" for path in _EXPAND_MONEY],
        }
        yield from self._pages(
            lambda client: client.v1.checkout.sessions.list(params=params), parsing.read_checkout
        )

    def list_entries(self, *, since: datetime) -> Iterator[BalanceEntry]:
        """https://docs.stripe.com/api/balance_transactions/list"""
        params = _window(None, since)
        yield from self._pages(
            lambda client: client.v1.balance_transactions.list(params=params), parsing.read_entry
        )

    def ensure_webhook(self, url: str) -> str | None:
        """https://docs.stripe.com/api/webhook_endpoints/create"""
        known = list(
            self._pages(lambda client: client.v1.webhook_endpoints.list(params={"limit": PAGE}), dict)
        )
        mine = next((hook for hook in known if hook.get("url") == url), None)
        if mine is None:
            return self._ask(
                lambda client: client.v1.webhook_endpoints.create(
                    params={"url": url, "enabled_events": EVENTS, "api_version": API_VERSION}
                ),
                lambda body: str(body["secret"]),
            )
        self._ask(
            lambda client: client.v1.webhook_endpoints.update(
                str(mine["id"]),
                params={"enabled_events": EVENTS, "disabled": False},
            ),
            lambda body: body,
        )
        return None

    def _pages(self, call: Callable[[Any], Any], read: Callable[[Json], T]) -> Iterator[T]:
        """Every object of a list, over all pages."""
        objects = self._guarded(lambda client: call(client).auto_paging_iter())
        while True:
            found = self._guarded(lambda _: next(objects, None))
            if found is None:
                return
            yield self._read(found, read)

    def _ask(self, call: Callable[[Any], Any], read: Callable[[Json], T]) -> T:
        """Make one call and parse its response; convert every failure to PaymentGatewayError."""
        return self._read(self._guarded(call), read)

    def _guarded(self, call: Callable[[Any], Any]) -> Any:
        try:
            return call(self._client)
        except stripe.StripeError as error:
            raise _translated(error) from None
        except PaymentGatewayError:
            raise
        # A response that is not the expected JSON makes the library fail after the call took effect.
        except Exception as error:
            raise PaymentGatewayError(Failure.UNKNOWN, f"UNREADABLE.{type(error).__name__}") from None

    @staticmethod
    def _read(answer: Any, read: Callable[[Json], T]) -> T:
        try:
            return read(answer.to_dict())
        except PaymentGatewayError:
            raise
        except Exception as error:
            raise PaymentGatewayError(Failure.UNKNOWN, f"UNREADABLE.{type(error).__name__}") from None

    def close(self) -> None:
        """Close the connections of all threads. They are opened again on the next call."""
        self._transport.close_all()


class _Transport(stripe.RequestsClient):
    """The library's transport, without proxies and netrc of the environment and without redirects."""

    def __init__(self, *, timeout: tuple[float, float]) -> None:
        super().__init__(timeout=timeout)
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def request(self, *arguments: Any, **options: Any) -> Any:
        if getattr(self._thread_local, "session", None) is None:
            session = requests.Session()
            # A netrc entry could replace the API key, and a proxy could read the traffic.
            session.trust_env = False
            # A redirect would send the call with the API key to an unknown host.
            session.max_redirects = 0
            self._thread_local.session = session
            self._sessions.add(session)
        return super().request(*arguments, **options)

    def close_all(self) -> None:
        for session in list(self._sessions):
            session.close()


def _translated(error: stripe.StripeError) -> PaymentGatewayError:
    """Convert the library's error: its code, its status, and whether the call may have had an effect."""
    status = error.http_status
    code = _code(error)
    if status is None:
        return PaymentGatewayError(Failure.UNKNOWN, f"NO_ANSWER.{type(error).__name__}")
    logger.info("refused: %s, HTTP %s, request %s", code, status, error.request_id or "unnamed")
    if isinstance(error, stripe.RateLimitError):
        return PaymentGatewayError(Failure.RETRYABLE, code or "rate_limit", status=status)
    if isinstance(error, stripe.IdempotencyError):
        return PaymentGatewayError(Failure.PERMANENT, "idempotency_error", status=status)
    # A conflict means that the first request with this key is still in progress.
    refused = 400 <= status < 500 and status not in (408, 409)
    if code == ALREADY_REFUNDED or refused:
        return PaymentGatewayError(Failure.PERMANENT, code or f"HTTP.{status}", status=status)
    return PaymentGatewayError(Failure.UNKNOWN, code or f"HTTP.{status}", status=status)


def _code(error: stripe.StripeError) -> str:
    """Stripe's error code; some of the library's exceptions have it only in the body."""
    if isinstance(error.code, str):
        return error.code
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    code = inner.get("code") or inner.get("type") if isinstance(inner, dict) else None
    return code if isinstance(code, str) else ""


def _order(order: Order) -> Any:
    metadata = {"claim": order.claim_code, "payment": order.payment_code}
    return {
        "mode": "payment",
        "client_reference_id": order.claim_code,
        "metadata": metadata,
        # Events about the payment intent do not name the session, so it carries our codes too.
        "payment_intent_data": {"metadata": metadata, "receipt_email": order.email},
        "customer_email": order.email,
        "line_items": [
            {
                "quantity": line.quantity,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": line.unit_amount,
                    "tax_behavior": order.tax_behavior,
                    "product_data": {"name": line.name},
                },
            }
            for line in order.lines
        ],
        # Otherwise Stripe may offer the payer another currency than the quoted one.
        "adaptive_pricing": {"enabled": False},
        "expires_at": int(order.expires_at.timestamp()),
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
    }


def _window(payment_intent_id: str | None, since: datetime | None) -> Any:
    params: Json = {"limit": PAGE}
    if payment_intent_id is not None:
        parsing.check_id(payment_intent_id, "pi")
        params["payment_intent"] = payment_intent_id
    if since is not None:
        params["created"] = {"gte": int(since.timestamp())}
    return params
